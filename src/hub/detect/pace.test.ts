import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../../lib/clock.ts';
import { openGate } from '../ask/gate.ts';
import { openPace, paceLimits } from './pace.ts';

const { signal } = new AbortController();

function opened() {
  const clock = manualClock();
  const gate = openGate({ runningMax: 4, waitingMax: 4 });
  const pace = openPace({ idle: (of) => gate.idle(of), clock });
  const order: string[] = [];
  const note = (what: string) => (): void => void order.push(what);
  return { clock, gate, pace, order, note };
}

test('a step waits while somebody is answered', async () => {
  const { clock, gate, pace, order, note } = opened();
  await pace.begin(signal);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const answered = gate.run(() => promise, signal).then(note('answered'));
  const begun = pace.begin(signal).then(note('begun'));
  await clock.advance(paceLimits.waitMsMax - 1);
  assert.deepEqual(order, []);
  resolve(undefined);
  await Promise.all([answered, begun]);
  assert.deepEqual(order, ['answered', 'begun']);
  assert.equal(clock.sleepers(), 0, 'nothing is left behind');
});

test('whoever asks without end does not keep it from its work', async () => {
  const { clock, gate, pace } = opened();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const asking = gate.run(() => promise, signal);
  const begun = pace.begin(signal);
  await clock.advance(paceLimits.waitMsMax);
  await begun;
  resolve(undefined);
  await asking;
});

test('after a step it rests as long as that took', async () => {
  const { clock, pace, order, note } = opened();
  const rested = pace.rest(700, signal).then(note('rested'));
  await clock.advance(699);
  assert.deepEqual(order, []);
  await clock.advance(1);
  await rested;
});

test('whoever stops waits for nobody', async () => {
  const { gate, pace } = opened();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const asking = gate.run(() => promise, signal);
  const stop = new AbortController();
  const begun = pace.begin(stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(begun, /stopped/);
  resolve(undefined);
  await asking;
});
