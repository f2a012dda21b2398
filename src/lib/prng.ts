/**
 * Chance that can be repeated: Chris Doty-Humphrey's sfc32 (PractRand), 128 bits of state, period at least
 * 2^32. Fast and statistically good; not for secrets. The only file that may ask the machine for entropy
 * (`entropySeed`).
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

export interface Prng {
  /** 0 to 2^32 - 1. */
  uint32(): number;
  /** 0 (included) to 1 (excluded), 32 bits of it. */
  unit(): number;
  /** A whole number, 0 (included) to `end` (excluded, at most 2^32), each as likely as the others. */
  below(end: number): number;
}

const range = 2 ** 32;
// PractRand's own: how many outputs are dropped after seeding, so that similar seeds part.
const warmUpRounds = 12;

/** The same seed (0 to 2^32 - 1) gives the same numbers, on every machine and for good. */
export function prng(seed: number): Prng {
  assert.ok(
    Number.isInteger(seed) && seed >= 0 && seed < range,
    `a seed is a 32-bit whole number, not ${seed}`,
  );
  let a = 0;
  let b = seed | 0;
  let c = 0;
  let counter = 1;

  function uint32(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }

  for (let round = 0; round < warmUpRounds; round += 1) uint32();

  return {
    uint32,
    unit: () => uint32() / range,
    below: (end) => {
      assert.ok(Number.isInteger(end) && end >= 1 && end <= range, `below() takes 1 to 2^32, not ${end}`);
      // The last, incomplete stretch of the range would favour small numbers: draw again.
      const fair = range - (range % end);
      for (;;) {
        const value = uint32();
        if (value < fair) return value % end;
      }
    },
  };
}

/** A seed that nobody chose. Log it where it is used, or the run cannot be repeated. */
export function entropySeed(): number {
  return randomInt(range);
}
