import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstStepMs, runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { prng } from '../../../lib/prng.ts';
import { method } from './rhythm.ts';

const thresholds = thresholdsOf('close-rate');
const stepMs = 300_000;
const run = (steps: Parameters<typeof runSteps>[1]) => runSteps(method, steps, { thresholds, stepMs });
const closes = (n: number) => ({ closes: n });
const hoursOf = (n: number, of: (hour: number) => number) =>
  Array.from({ length: 12 * n }, (_, step) => closes(of(Math.floor(step / 12))));

assert.equal(new Date(firstStepMs).getUTCDay(), 1, 'tests begin on a Monday');

test('after a day, five deviations on the scale of roots, twice on end, are an alarm', () => {
  const steps = run([...hoursOf(25, () => 100), closes(170), closes(170)]);
  assert.deepEqual(
    steps.slice(-2).map(({ firings }) => firings.length),
    [0, 1],
  );
  const [found] = steps.at(-1)?.firings ?? [];
  // The medians of hours are kept to a tenth.
  const usual = Math.round(10 * 2 * Math.sqrt(100.375)) / 10;
  assert.ok(Math.abs((found?.statistic ?? 0) - (2 * Math.sqrt(170.375) - usual)) < 1e-9);
  assert.equal(found?.facts['change'], 'climbs');
  assert.ok(Math.abs((found.baseline ?? 0) - 100) < 1);
});

test('fewer are an alarm, too; one step alone is none, nor are few of few', () => {
  const last = (base: number, ...more: (ReturnType<typeof closes> | undefined)[]) =>
    run([...hoursOf(25, () => base), ...more]).at(-1)?.firings;
  assert.equal(last(100, closes(40), closes(40))?.[0]?.facts['change'], 'drops');
  assert.deepEqual(last(100, closes(400), closes(100), closes(400)), []);
  assert.deepEqual(last(100, closes(400), undefined, closes(400)), [], 'not one after the other');
  assert.deepEqual(last(1, closes(19), closes(19)), []);
});

test('before a day is over it learns', () => {
  const steps = run([...hoursOf(23, () => 100), closes(1000), closes(1000)]);
  assert.deepEqual([...new Set(steps.map(({ status }) => status))], ['learning']);
});

test('what comes every weekday at nine is usual on the fifth day, and not at ten', () => {
  const rhythm = (hour: number): number => (hour % 24 === 9 ? 900 : 100);
  const fourDays = hoursOf(4 * 24 + 9, rhythm);
  const friday = run([...fourDays, closes(900), closes(900)]).slice(-2);
  assert.deepEqual(
    friday.flatMap(({ firings }) => firings),
    [],
  );
  const atTen = run([...fourDays, ...hoursOf(1, () => 900), closes(900), closes(900)]).at(-1);
  assert.equal(atTen?.firings.length, 1);
});

test('what scatters within its hours is not unusual for that', () => {
  const random = prng(3);
  // Ten times what a Poisson process would scatter.
  const noise = () => closes(Math.round(200 * (0.4 + 1.2 * random.unit())));
  const steps = run(Array.from({ length: 12 * 24 * 7 }, noise));
  assert.deepEqual(
    steps.flatMap(({ firings }) => firings),
    [],
  );
});
