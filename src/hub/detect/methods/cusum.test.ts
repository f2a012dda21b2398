import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { prng } from '../../../lib/prng.ts';
import { method } from './cusum.ts';

const thresholds = thresholdsOf('reset-bursts');
const stepMs = 10_000;
const stepsPerHour = 360;
const run = (steps: Parameters<typeof runSteps>[1]) => runSteps(method, steps, { thresholds, stepMs });

/** An hour with two in a hundred, and one step more: learned. */
const usual = Array.from({ length: stepsPerHour + 1 }, () => ({ n: 50, x: 1 }));

test('the threshold is the logarithm of all steps of a thousand keys in a week', () => {
  const fired = run([...usual, ...Array.from({ length: 3 }, () => ({ n: 50, x: 40 }))]).flatMap(
    ({ firings }) => firings,
  );
  assert.ok(Math.abs((fired[0]?.threshold ?? 0) - Math.log(1000 * 60_480)) < 1e-9);
  assert.ok(Math.abs((fired[0]?.threshold ?? 0) - 17.918) < 1e-3);
});

test('the sum adds x ln(p1 / p0) + (n - x) ln((1 - p1) / (1 - p0)), and p0 stands still meanwhile', () => {
  const [first, second] = run([...usual, { n: 50, x: 10 }, { n: 50, x: 10 }]).slice(-2);
  const [p0, p1] = [0.02, 0.06];
  const weight = 10 * Math.log(p1 / p0) + 40 * Math.log((1 - p1) / (1 - p0));
  const state = first?.state as { sum: number; x: number };
  assert.ok(Math.abs(state.sum - weight) < 1e-6);
  assert.ok(weight < 18 && state.sum > 9, 'more than half of the threshold');
  const [found] = second?.firings ?? [];
  assert.ok(Math.abs((found?.statistic ?? 0) - 2 * weight) < 1e-6);
  assert.ok(Math.abs((found?.baseline ?? 0) - p0) < 1e-6);
  const after = second?.state as { sum: number; x: number };
  assert.equal(after.sum, 0);
  assert.ok(after.x < state.x, 'nothing of the burst is learned');
});

test('it learns for an hour and 200 closes', () => {
  const burst = Array.from({ length: stepsPerHour }, () => ({ n: 50, x: 25 }));
  const steps = run(burst);
  assert.deepEqual([...new Set(steps.map(({ status }) => status))], ['learning']);
  assert.equal(run([...usual.slice(1), { n: 50, x: 1 }]).at(-1)?.status, 'armed');
});

test('where half of all is reset, nothing can be told', () => {
  const half = Array.from({ length: stepsPerHour + 1 }, () => ({ n: 50, x: 26 }));
  const last = run(half).at(-1);
  assert.deepEqual([last?.status, last?.why], ['insufficient', 'usual share 52 %']);
});

test('some minutes with twice the share that the day has had are no burst; if it goes on it is one', () => {
  const wandered = [...usual, ...Array.from({ length: 120 }, () => ({ n: 50, x: 2 })), ...usual];
  const firesAt = (x: number): number => {
    const steps = run([...wandered, ...Array.from({ length: 100 }, () => ({ n: 50, x }))]);
    return steps.slice(wandered.length).findIndex(({ firings }) => firings.length > 0);
  };
  const [briefSteps, twice, thrice] = [60, 5, 8];
  assert.equal(firesAt(twice), briefSteps - 1, 'a tenth, after a twenty-fifth: ten minutes');
  assert.ok(firesAt(thrice) < briefSteps / 2);
});

test('a week of chance at the usual share is quiet; five times as many is found in some steps', () => {
  const random = prng(11);
  const draw = (p: number) => ({
    n: 50,
    x: Array.from({ length: 50 }, () => random.unit() < p).filter(Boolean).length,
  });
  const week = run(Array.from({ length: 7 * 24 * stepsPerHour }, () => draw(0.02)));
  assert.deepEqual(
    week.flatMap(({ firings }) => firings),
    [],
  );
  const delays = Array.from({ length: 20 }, () => {
    const steps = run([...usual, ...Array.from({ length: 100 }, () => draw(0.1))]);
    return steps.slice(usual.length).findIndex(({ firings }) => firings.length > 0) + 1;
  });
  const middle = delays.toSorted((a, b) => a - b)[10] ?? 0;
  assert.ok(middle >= 2 && middle <= 12, `the middle of ${delays.join(' ')}`);
});
