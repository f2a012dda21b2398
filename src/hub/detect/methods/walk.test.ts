import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { method } from './walk.ts';

// The published rates; the question's own are for a thousand sources.
const thresholds = { ...thresholdsOf('lateral-movement', 'walk'), false_rate: 0.0001 };
const stepMs = 60_000;
const run = (steps: Parameters<typeof runSteps>[1], more: Record<string, number> = {}) =>
  runSteps(method, steps, { thresholds: { ...thresholds, ...more }, stepMs });
const fired = (steps: Parameters<typeof runSteps>[1], more: Record<string, number> = {}): number[] =>
  run(steps, more).map(({ firings }) => firings.length);

const contacts = (failed: number, reached = 0) => ({ failed, reached });

test('seven failures on end are a scan at one in ten thousand, four at one in a hundred', () => {
  assert.deepEqual(fired([contacts(6)]), [0]);
  assert.deepEqual(fired([contacts(7)]), [1]);
  assert.deepEqual(fired([contacts(3)], { false_rate: 0.01 }), [0]);
  assert.deepEqual(fired([contacts(4)], { false_rate: 0.01 }), [1]);
  const [found] = run([contacts(7)])[0]?.firings ?? [];
  assert.equal(found?.statistic, 7 * Math.log(4));
  assert.equal(found.threshold, Math.log(0.99 / 0.0001));
});

test('steps add up; each that answers takes one back; at even odds it begins anew', () => {
  assert.deepEqual(fired([contacts(3), contacts(3), contacts(3)]), [0, 0, 1]);
  assert.deepEqual(fired([contacts(6, 3), contacts(6, 3), contacts(4, 3)]), [0, 0, 1]);
  assert.deepEqual(fired([contacts(3, 20), contacts(6)]), [0, 0]);
});

test('after an hour without a try it begins anew', () => {
  const pause = Array.from({ length: 61 }, () => undefined);
  assert.deepEqual(fired([contacts(6), ...pause, contacts(6)]), [0, 0]);
  assert.deepEqual(fired([contacts(6), ...pause.slice(2), contacts(6)]), [0, 1]);
});

test('a scan that goes on is found again', () => {
  assert.deepEqual(fired(Array.from({ length: 4 }, () => contacts(7))), [1, 1, 1, 1]);
});

test('while its source is in a retry storm it stands still, and says so', () => {
  const storm = { ...contacts(20), storms: 1 };
  assert.deepEqual(fired([storm, storm]), [0, 0]);
  assert.deepEqual(fired([contacts(6), storm, contacts(1)]), [0, 0, 1]);
  const [first] = run([storm]);
  assert.deepEqual(
    [first?.status, first?.why],
    ['insufficient', 'storms 1 destination: no scan is told of it'],
  );
});
