import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { entropySeed, prng } from './prng.ts';

// From the algorithm written in C with uint32_t: the first five after seeding, and the millionth after those.
const known = [
  { seed: 0, first: [1363572419, 145230303, 808754475, 4216505632, 947923937], later: 2144123794 },
  { seed: 42, first: [1264412219, 1947509147, 3919439299, 1251167922, 656401615], later: 561376895 },
  {
    seed: 2 ** 32 - 1,
    first: [1984736529, 3747275468, 1287205723, 2021412065, 2215341480],
    later: 1047090362,
  },
];

describe('prng', () => {
  test('gives the numbers of the reference', () => {
    for (const { seed, first, later } of known) {
      const random = prng(seed);
      assert.deepEqual(
        first.map(() => random.uint32()),
        first,
      );
      for (let i = 1; i < 1_000_000; i += 1) random.uint32();
      assert.equal(random.uint32(), later);
    }
  });

  test('unit() is from 0 up to, not with, 1', () => {
    const random = prng(7);
    const draws = Array.from({ length: 10_000 }, () => random.unit());
    assert.ok(draws.every((value) => value >= 0 && value < 1));
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    // Standard error of the mean of 10,000 uniform draws: 0.0029. Four of them.
    assert.ok(Math.abs(mean - 0.5) < 0.012, `mean ${mean}`);
  });

  test('below() gives each number its share', () => {
    const random = prng(8);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i += 1) counts[random.below(6)]! += 1;
    // Chi-squared with 5 degrees of freedom: 20.5 is exceeded by chance once in a thousand seeds.
    const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    assert.ok(chiSquared < 20.5, counts.join(' '));
    assert.equal(random.below(1), 0);
    assert.ok(random.below(2 ** 32) < 2 ** 32);
  });

  test('what is not a seed or a bound is refused', () => {
    for (const bad of [-1, 0.5, 2 ** 32, Number.NaN]) assert.throws(() => prng(bad), /32-bit whole number/);
    for (const bad of [0, -1, 1.5, 2 ** 32 + 1]) assert.throws(() => prng(1).below(bad), /below\(\)/);
  });

  test('entropySeed() gives seeds, not one seed', () => {
    const seeds = Array.from({ length: 8 }, entropySeed);
    for (const seed of seeds) prng(seed);
    assert.ok(new Set(seeds).size > 1);
  });
});
