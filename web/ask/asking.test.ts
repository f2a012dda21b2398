import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { manualClock } from '../../src/lib/clock.ts';
import { AskError } from './api.ts';
import { after, backOffMs, keepAsking, nothingAsked } from './asking.ts';
import type { Asked, AskEvent } from './asking.ts';

function problem(isPassing: boolean): AskError {
  return new AskError({ title: 'The hub does not answer', detail: '', whatToDo: '', isPassing });
}

/** Asks a hub that answers as `replies` says, one after the other; an Error is thrown. */
function rig(replies: readonly (string | Error)[], everyMs: number | undefined) {
  const clock = manualClock({ wallMs: 1_000_000 });
  const events: AskEvent<string>[] = [];
  const stop = new AbortController();
  let seen = Promise.resolve();
  let count = 0;
  const ended = keepAsking(
    {
      url: '/a',
      everyMs,
      clock,
      untilSeen: () => seen,
      tell: (event) => events.push(event),
      ask: async () => {
        const reply = replies[Math.min(count++, replies.length - 1)];
        if (reply instanceof Error) throw reply;
        return reply ?? '';
      },
    },
    stop.signal,
  );
  // An end that nobody waits for yet is no fault.
  ended.catch(() => 'stopped');
  return {
    clock,
    stop,
    ended,
    times: () => count,
    state: (): Asked<string> => events.reduce(after, nothingAsked<string>()),
    hideUntil: (promise: Promise<void>) => (seen = promise),
  };
}

describe('keepAsking', () => {
  test('asks again after each answer', async () => {
    const { clock, times, state, stop, ended } = rig(['one', 'two'], 10_000);
    await nextTurn();
    assert.equal(state().latest?.value, 'one');
    await clock.advance(9_999);
    assert.equal(times(), 1);
    await clock.advance(1);
    assert.deepEqual(state().latest, { value: 'two', url: '/a', atMs: 1_010_000 });
    stop.abort(new Error('enough'));
    await assert.rejects(ended, /enough/);
  });

  test('once is enough when nothing is to be refreshed', async () => {
    const { times, ended } = rig(['one'], undefined);
    await ended;
    assert.equal(times(), 1);
  });

  test('a hub that is away is asked later and later, and what it said stays', async () => {
    const away = problem(true);
    const { clock, times, state, stop } = rig(['one', away, away, away, 'back'], 10_000);
    await nextTurn();
    await clock.advance(10_000);
    assert.equal(state().latest?.value, 'one');
    assert.deepEqual(state().failure?.sinceMs, 1_010_000);
    assert.equal(state().failure?.nextMs, 1_011_000);
    await clock.advance(1_000);
    assert.equal(state().failure?.nextMs, 1_013_000);
    // Since when is not when it was last tried.
    assert.equal(state().failure?.sinceMs, 1_010_000);
    await clock.advance(2_000);
    await clock.advance(4_000);
    assert.equal(times(), 5);
    assert.equal(state().latest?.value, 'back');
    assert.equal(state().failure, undefined);
    stop.abort();
  });

  test('a question that is refused is not asked again', async () => {
    const { times, state, ended } = rig([problem(false)], 10_000);
    await ended;
    assert.equal(times(), 1);
    assert.equal(state().failure?.nextMs, undefined);
  });

  test('nothing is asked while nobody looks', async () => {
    const { clock, times, hideUntil, stop } = rig(['one', 'two'], 10_000);
    await nextTurn();
    let look = (): void => assert.fail('never hidden');
    void hideUntil(new Promise((resolve) => (look = resolve)));
    await clock.advance(60_000);
    assert.equal(times(), 1);
    look();
    await nextTurn();
    assert.equal(times(), 2);
    stop.abort();
  });

  test('a fault of ours is thrown, not shown as the hub’s', async () => {
    const { ended } = rig([new TypeError('ours')], 10_000);
    await assert.rejects(ended, TypeError);
  });
});

test('what was refused of one URL does not hold for the next; that the hub is away does', () => {
  const failed = (error: AskError): Asked<string> => {
    const asked = after(nothingAsked<string>(), { kind: 'asked', url: '/a' });
    const event = { kind: 'failed', problem: error.problem, atMs: 1, nextMs: undefined } as const;
    return after(asked, event);
  };
  const next = { kind: 'asked', url: '/b' } as const;
  assert.equal(after(failed(problem(false)), next).failure, undefined);
  assert.equal(after(failed(problem(true)), next).failure?.sinceMs, 1);
});

test('backs off from one second to a quarter of a minute', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 20].map(backOffMs), [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});
