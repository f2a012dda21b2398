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

test('a new edge is told once, with the technique of its port; an old one is not, nor a young node’s', () => {
  const [first, ...others] = told([edge(1, 2), edge(1, 2, { age_ms: 60_000 })]);
  assert.deepEqual(others, []);
  assert.equal(first?.severity, 'warning');
  assert.equal(first.facts['path'], '10.0.0.1 → 10.0.0.2:22');
  assert.equal(first.technique, 'T1021.004');
  assert.deepEqual(told([edge(1, 2, { age_ms: 60_000 })]), []);
  assert.deepEqual(told([edge(1, 2, { heard_h: 23 })]), []);
  assert.equal(told([edge(1, 2, { 'destination.port': '5985' })])[0]?.technique, 'T1021.006');
});

test('an edge that both ends tell is one', () => {
  const other = { direction: 'ingress', 'host.name': 'h2', who: '10.0.0.1' };
  assert.equal(told([[edge(1, 2), edge(1, 2, other)]]).length, 1);
  assert.equal(told([edge(1, 2), edge(1, 2, other)]).length, 1);
});

test('whoever goes on within half an hour makes a chain, which has the whole path', () => {
  const chain = told([edge(1, 2), ...pause(28), edge(2, 3), edge(3, 4)]);
  assert.deepEqual(
    chain.map(({ severity, facts }) => [severity, facts['path'], facts['hops']]),
    [
      ['warning', '10.0.0.1 → 10.0.0.2:22', 1],
      ['critical', '10.0.0.1 → 10.0.0.2:22 → 10.0.0.3:22', 2],
      ['critical', '10.0.0.1 → 10.0.0.2:22 → 10.0.0.3:22 → 10.0.0.4:22', 3],
    ],
  );
  const late = told([edge(1, 2), ...pause(30), edge(2, 3)]);
  assert.deepEqual(
    late.map(({ severity }) => severity),
    ['warning', 'warning'],
  );
});

test('a host of several addresses, and of several namespaces, is known by what it was told of itself', () => {
  const into = { direction: 'ingress', 'host.name': 'h2', who: '10.0.0.1' };
  const onward = (namespace: string) => edge(9, 3, { 'host.name': 'h2', namespace });
  assert.equal(told([edge(1, 2, into), onward('1')]).at(-1)?.severity, 'critical');
  assert.equal(told([edge(1, 2, into), onward('2')]).at(-1)?.severity, 'warning');
});

test('back to where it came from, and the same once more to another port, are no chains', () => {
  const back = told([edge(1, 2), edge(2, 1), edge(1, 2, { 'destination.port': '445' })]);
  assert.deepEqual([...new Set(back.map(({ severity }) => severity))], ['warning']);
});

test('more than a mebibyte over a new edge may be a tool', () => {
  const half = 0.6 * 1024 * 1024;
  const [first, second, ...others] = told([
    edge(1, 2, { bytes: half }),
    edge(1, 2, { bytes: half, age_ms: 60_000 }),
    edge(1, 2, { bytes: half, age_ms: 120_000 }),
  ]);
  assert.deepEqual(others, []);
  assert.deepEqual([first?.severity, first?.technique], ['warning', 'T1021.004']);
  assert.deepEqual([second?.severity, second?.technique], ['critical', 'T1570']);
  assert.ok((second?.statistic ?? 0) > (first?.statistic ?? 0));
});

test('of a hundred new ones of one source the first few are told, and of those a chain', () => {
  const many = Array.from({ length: 50 }, (_, n) => edge(1, 100 + n));
  assert.equal(told([many]).length, 3);
  assert.equal(told([edge(9, 1), many]).length, 1 + 50);
});

test('whoever met new ones on three other days administers: that is said, and not told', () => {
  const days = [2, 3, 4, 5].flatMap((to) => [edge(1, to), ...pause(stepsPerDay - 1)]);
  const all = run(days);
  assert.deepEqual(
    all.map(({ firings }) => firings.length),
    [1, 1, 1, 0],
  );
  assert.equal(all.at(-1)?.why, 'new ones are usual of h1 to port 22');
  assert.equal(told([...days, edge(1, 6, { 'destination.port': '3389' })]).length, 4, 'of that port only');
});
