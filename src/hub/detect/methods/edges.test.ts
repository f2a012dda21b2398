import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import type { Firing } from '../method.ts';
import { method } from './edges.ts';

const thresholds = thresholdsOf('lateral-movement', 'edges');
const stepMs = 60_000;
const stepsPerDay = 1440;
type Steps = Parameters<typeof runSteps>[1];
const run = (steps: Steps) => runSteps(method, steps, { thresholds, stepMs });
const told = (steps: Steps): Firing[] => run(steps).flatMap(({ firings }) => firings);

/** Of hosts by their last numbers. */
const edge = (from: number, to: number, more: Record<string, number | string> = {}) => ({
  direction: 'egress',
  'host.name': `h${from}`,
  'source.ip': `10.0.0.${from}`,
  'destination.ip': `10.0.0.${to}`,
  'destination.port': '22',
  ...{ who: `h${from}`, namespace: '1', bytes: 1000, age_ms: 0, heard_h: 100 },
  ...more,
});
const pause = (steps: number): undefined[] => Array.from({ length: steps }, () => undefined);

/** As many of one source, at once. */
const several = (n: number, more: Record<string, number | string> = {}, from = 1) =>
  Array.from({ length: n }, (_, nth) => edge(from, 100 + nth, more));

test('a single new edge is an errand, and so are two; three addresses in half an hour are told, once', () => {
  assert.deepEqual(told([edge(1, 2), edge(1, 2, { age_ms: 60_000 })]), []);
  assert.deepEqual(told([edge(1, 2), edge(1, 3)]), []);
  const [first, ...others] = told([edge(1, 2), edge(1, 3), ...pause(27), edge(1, 4), edge(1, 5), edge(1, 6)]);
  assert.deepEqual(others, []);
  assert.equal(first?.severity, 'warning');
  assert.equal(first.facts['path'], '10.0.0.1 → 10.0.0.2:22, 10.0.0.3:22, 10.0.0.4:22');
  assert.deepEqual([first.statistic, first.threshold, first.facts['addresses']], [3, 3, 3]);
  assert.equal(first.technique, 'T1021.004');
  assert.deepEqual(told([edge(1, 2), edge(1, 3), ...pause(29), edge(1, 4)]), [], 'the first is too long ago');
});

test('old edges are none, nor are those of a young node, nor two ports of one address', () => {
  assert.deepEqual(told([several(3, { age_ms: 60_000 })]), []);
  assert.deepEqual(told([several(3, { heard_h: 23 })]), []);
  const ports = ['22', '445', '3389'].map((port) => edge(1, 2, { 'destination.port': port }));
  assert.deepEqual(told([ports]), []);
  assert.equal(told([several(3, { 'destination.port': '5985' })])[0]?.technique, 'T1021.006');
});

test('an edge that both ends tell is one, of whom its own end says it is', () => {
  const other = { direction: 'ingress', 'host.name': 'h2', who: '10.0.0.1' };
  assert.deepEqual(told([[edge(1, 2), edge(1, 2, other), edge(1, 3)]]), []);
  assert.equal(told([edge(1, 2, other), [edge(1, 2), edge(1, 3), edge(1, 4)]]).length, 1);
});

test('whoever goes on within half an hour makes a chain, which has the whole path', () => {
  const chain = told([edge(1, 2), ...pause(28), edge(2, 3), edge(3, 4)]);
  assert.deepEqual(
    chain.map(({ severity, statistic, facts }) => [severity, statistic, facts['path'], facts['hops']]),
    [
      ['critical', 2, '10.0.0.1 → 10.0.0.2:22 → 10.0.0.3:22', 2],
      ['critical', 3, '10.0.0.1 → 10.0.0.2:22 → 10.0.0.3:22 → 10.0.0.4:22', 3],
    ],
  );
  assert.deepEqual(told([edge(1, 2), ...pause(30), edge(2, 3)]), []);
});

test('a host of several addresses, and of several namespaces, is known by what it was told of itself', () => {
  const into = { direction: 'ingress', 'host.name': 'h2', who: '10.0.0.1' };
  const onward = (namespace: string) => edge(9, 3, { 'host.name': 'h2', namespace });
  assert.equal(told([edge(1, 2, into), onward('1')]).at(-1)?.severity, 'critical');
  assert.deepEqual(told([edge(1, 2, into), onward('2')]), []);
});

test('back to where it came from, and the same once more to another port, are no chains', () => {
  assert.deepEqual(told([edge(1, 2), edge(2, 1), edge(1, 2, { 'destination.port': '445' })]), []);
});

test('more than a mebibyte over an edge that was told may be a tool; over others it is a file', () => {
  const half = 0.6 * 1024 * 1024;
  assert.deepEqual(told([edge(1, 2, { bytes: 2 * half })]), []);
  const [first, second, ...others] = told([
    edge(9, 1),
    edge(1, 2, { bytes: half }),
    edge(1, 2, { bytes: half, age_ms: 60_000 }),
    edge(1, 2, { bytes: half, age_ms: 120_000 }),
  ]);
  assert.deepEqual(others, []);
  assert.deepEqual([first?.severity, first?.technique], ['critical', 'T1021.004']);
  assert.deepEqual([second?.severity, second?.technique], ['critical', 'T1570']);
  assert.ok((second?.statistic ?? 0) > (first?.statistic ?? 0));
  const spread = told([[edge(1, 2, { bytes: 2 * half }), edge(1, 3), edge(1, 4)]]);
  assert.deepEqual([spread[0]?.severity, spread[0]?.technique], ['critical', 'T1570']);
  const earlier = told([edge(1, 2, { bytes: 2 * half }), edge(1, 3), edge(1, 4)]);
  assert.deepEqual(
    earlier.map(({ severity, facts }) => [severity, facts['bytes']]),
    [['critical', 2 * half]],
    'over whichever of them it went',
  );
});

test('thousands of new edges in one step are one finding', () => {
  const crowd = Array.from({ length: 5000 }, (_, to) => edge(1, 10 + to));
  assert.equal(told([crowd]).length, 1);
});

test('of one source a day one spread and three chains are told, not a hundred', () => {
  assert.equal(told([several(50), several(50, { 'destination.port': '445' })]).length, 1);
  assert.equal(told([edge(9, 1), several(50)]).length, 3);
  assert.equal(
    told([several(3), ...pause(stepsPerDay - 1), several(3, { 'destination.port': '445' })]).length,
    2,
  );
});

test('whoever met new ones on three other days administers: that is said, and not told', () => {
  const days = [2, 3, 4].flatMap((to) => [edge(1, to), ...pause(stepsPerDay - 1)]);
  const all = run([...days, several(3)]);
  assert.deepEqual(
    all.flatMap(({ firings }) => firings),
    [],
  );
  assert.equal(all.at(-1)?.why, 'new ones are usual of h1 to port 22');
  assert.equal(told([...days, several(3, { 'destination.port': '3389' })]).length, 1, 'of that port only');
  const mixed = [edge(1, 6), edge(1, 7), edge(1, 8, { 'destination.port': '3389' })];
  assert.deepEqual(told([...days, mixed]), [], 'what is usual is no part of a spread');
  const through = told([...days, edge(7, 1), edge(1, 8)]);
  assert.equal(
    through[0]?.facts['path'],
    '10.0.0.7 → 10.0.0.1:22 → 10.0.0.8:22',
    'somebody strange went there first',
  );
  const known = [2, 3, 4].flatMap((to) => [[edge(1, to), edge(7, to)], ...pause(stepsPerDay - 1)]);
  assert.deepEqual(told([...known, edge(7, 1), edge(1, 8)]), [], 'nobody strange did');
});
