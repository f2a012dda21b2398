import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstStepMs, runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { prng } from '../../../lib/prng.ts';
import { zoneOffsetMs } from '../../../lib/zone.ts';
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

const [week, learned] = [12 * 24 * 7, 4];

/** Findings after four weeks, of six whose counts go by what clocks in the zone show. */
function clockwise(zone: string, from: string, of: (hour: number) => number): (by: string) => number {
  const startMs = Date.parse(from);
  const given = { thresholds, stepMs, keys: 1, peers: () => [] };
  return (by) => {
    let state: unknown;
    let found = 0;
    for (let n = 0; n < 6 * week; n++) {
      const atMs = startMs + n * stepMs;
      const hour = new Date(atMs + zoneOffsetMs(zone, atMs)).getUTCHours();
      const stepped = method.step({ ...given, zone: by, state, atMs, seen: [closes(of(hour))] });
      ({ state } = stepped);
      found += n < learned * week ? 0 : stepped.firings.length;
    }
    return found;
  };
}

for (const [zone, from, hour] of [
  ['Europe/Berlin', '2026-02-23T00:00:00Z', 2],
  ['Europe/Berlin', '2026-09-21T00:00:00Z', 2],
  ['America/New_York', '2026-02-02T00:00:00Z', 2],
  ['America/New_York', '2026-09-28T00:00:00Z', 1],
] as const) {
  test(`a job at nine, and one in the hour that changes: ${zone}, from ${from.slice(0, 10)}`, () => {
    const found = clockwise(zone, from, (at) => (at === 9 || at === hour ? 900 : 100));
    assert.equal(found(zone), 0);
    assert.ok(found('UTC') > 0, 'by clocks that do not change it comes at another hour');
  });
}

test('the chain of what compares: the same hour of weeks, of days of the kind, of the day before', () => {
  const state = (steps: Parameters<typeof runSteps>[1]) => run(steps).at(-1);
  const weekday = (hour: number): number => (Math.floor(hour / 24) % 7 < 5 ? 400 : 50);
  assert.equal(state(hoursOf(23, () => 100))?.status, 'learning');
  assert.equal(state([...hoursOf(26, () => 100)])?.status, 'armed', 'the day before');
  const weeks = run([...hoursOf(24 * 7 * 5, weekday)]).slice(12 * 24 * 7 * 2);
  assert.deepEqual(
    weeks.flatMap(({ firings }) => firings),
    [],
    'weekends compare with weekends',
  );
  const saturday = run([...hoursOf(24 * (7 * 4 + 5), weekday), closes(400), closes(400)]).at(-1);
  assert.equal(Math.round(saturday?.firings[0]?.baseline ?? 0), 50);
});

test('while an image is new nothing is told; of those without images a finding says so', () => {
  const of = (n: number, images: string) => ({ closes: n, images });
  const usual = (images: string) => Array.from({ length: 12 * 25 }, () => of(100, images));
  const burst = (images: string) => Array.from({ length: 5 }, () => of(300, images));
  assert.equal(run([...usual('shop:1'), ...burst('shop:1')]).at(-1)?.firings[0]?.facts['deployed'], 'no');
  assert.equal(run([...usual(''), ...burst('')]).at(-1)?.firings[0]?.facts['deployed'], 'not known');
  const deployed = run([...usual('shop:1'), ...burst('shop:1 shop:2')]);
  assert.deepEqual(
    deployed.flatMap(({ firings }) => firings),
    [],
  );
  assert.deepEqual([deployed.at(-1)?.status, deployed.at(-1)?.why], ['insufficient', 'is being deployed']);
  const later = run([
    ...usual('shop:1'),
    ...burst('shop:2'),
    of(100, 'shop:2'),
    of(100, 'shop:2'),
    ...burst('shop:2'),
  ]);
  assert.equal(later.at(-1)?.firings.length, 1, 'half an hour later');
});

test('what scatters so much that ten times as many would not show says so', () => {
  const random = prng(5);
  const wild = Array.from({ length: 12 * 30 }, () =>
    closes(Math.round(400 * Math.exp(2 * random.unit() - 1))),
  );
  assert.match(run(wild).at(-1)?.why ?? '', /^scatters: less than \d+ times as many would not show$/);
});
