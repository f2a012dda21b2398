import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { method } from './novelty.ts';

const thresholds = thresholdsOf('unexpected-egress');
const stepMs = 300_000;
const stepsPerDay = 288;
const run = (steps: Parameters<typeof runSteps>[1]) => runSteps(method, steps, { thresholds, stepMs });
const to = (group: string, port = '443', more: Record<string, number> = {}) => ({
  ...{ 'destination.group': group, 'destination.port': port, opened: 1 },
  ...more,
});
const day = Array.from({ length: stepsPerDay + 1 }, () => [to('a.example'), to('b.example')]);

test('what is new to one that knows its own is found once, with (N1 + 1) / (N + 1)', () => {
  const fresh = [to('a.example'), to('evil.example')];
  const [first, again] = run([...day, fresh, fresh]).slice(-2);
  assert.equal(first?.status, 'armed');
  const [found, ...others] = first.firings;
  assert.deepEqual(others, []);
  assert.equal(found?.seen['destination.group'], 'evil.example');
  // 2 × 289 sightings, the oldest a day old: fading takes 2.5 % of it, and half of that on the average.
  const novelty = Number(found.facts['novelty']);
  assert.ok(novelty > 1 / (2 * 289 + 1) && novelty < 1.03 / (2 * 289 + 1), String(novelty));
  assert.equal(found.statistic, -Math.log10(novelty));
  assert.deepEqual(again?.firings, []);
});

test('a port that it never used and an address without a name make it stranger', () => {
  const scores = run([...day, [to('x', '443'), to('y', '4444'), to('z', '4444', { nameless: 1 })]])
    .at(-1)
    ?.firings.map(({ seen, statistic }) => [seen['destination.group'], statistic] as const);
  const [z = 0, y = 0, x = 0] = (scores ?? []).map(([, statistic]) => statistic);
  assert.deepEqual(
    scores?.map(([group]) => group),
    ['z', 'y', 'x'],
  );
  assert.ok(Math.abs(y - x - 0.5) < 1e-9 && Math.abs(z - y - 1) < 1e-9);
});

test('what is expected is no finding, and known from then on', () => {
  const expected = [to('a.example'), to('partner.example', '443', { expected: 1 })];
  const later = [to('a.example'), to('partner.example')];
  const firings = run([...day, expected, later]).flatMap((step) => step.firings);
  assert.deepEqual(firings, []);
});

test('one that always meets new ones cannot be judged, and one that is young learns', () => {
  const restless = Array.from({ length: stepsPerDay + 1 }, (_, n) => [to('a.example'), to(`${n}.example`)]);
  const last = run(restless).at(-1);
  assert.deepEqual([last?.status, last?.why], ['insufficient', 'novelty 51 %']);
  assert.deepEqual(
    run(restless).flatMap(({ firings }) => firings),
    [],
  );
  assert.equal(run(day.slice(0, 200)).at(-1)?.status, 'learning');
});

test('its state stays small', () => {
  const many = Array.from({ length: 700 }, (_, n) => to(`${n}.example`));
  const { groups } = run([many]).at(-1)?.state as { groups: object };
  assert.equal(Object.keys(groups).length, 500);
});

test('an organization and a process that are new, and more sent than usual, make it stranger', () => {
  const usual = { 'process.name': 'app', org: 'Example', sent: 1000 };
  const steps = Array.from({ length: stepsPerDay + 1 }, () => [to('a.example'), to('b.example')]).map((all) =>
    all.map((seen) => ({ ...seen, ...usual })),
  );
  const signs = (more: Record<string, number | string>) => {
    const seen = { ...to('x.example'), ...usual, ...more };
    return run([...steps, [seen]]).at(-1)?.firings[0]?.facts['signs'];
  };
  assert.equal(signs({}), 'none');
  assert.equal(signs({ org: 'Elsewhere' }), 'new organization');
  assert.equal(signs({ 'process.name': 'nc', 'destination.port': '4444' }), 'new port, new process');
  assert.equal(signs({ sent: 1e6, nameless: 1 }), 'no name, much sent');
});

test('what a fifth of those with the same image know is no finding, nor while an image is new', () => {
  const of = (image: string, groups: readonly string[]) =>
    groups.map((group) => ({ ...to(group), images: image }));
  const peer = (image: string, ...groups: string[]) => run([of(image, groups)]).at(-1)?.state;
  const steps = Array.from({ length: stepsPerDay + 1 }, () => of('shop:1', ['a.example', 'b.example']));
  const fired = (peers: readonly unknown[], image = 'shop:1') =>
    runSteps(method, [...steps, of(image, ['a.example', 'x.example'])], { thresholds, stepMs, peers }).at(-1);
  const knows = peer('shop:2', 'a.example', 'x.example');
  const others = [1, 2, 3, 4].map(() => peer('shop:1', 'a.example'));
  assert.equal(fired([])?.firings[0]?.facts['peers'], 'not known');
  assert.deepEqual(fired([knows, ...others])?.firings, []);
  assert.equal(
    fired([knows, ...others, peer('shop:1', 'b.example')])?.firings[0]?.facts['peers'],
    '1 of 6 know it',
  );
  assert.equal(fired([peer('mail:1', 'x.example')])?.firings.length, 1, 'another image');
  assert.deepEqual(
    [fired([], 'shop:2')?.status, fired([], 'shop:2')?.why],
    ['insufficient', 'is being deployed'],
  );
});
