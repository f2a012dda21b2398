import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { manualClock, sleepMsMax, systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

describe('systemClock', () => {
  test('tells the time and never goes back', () => {
    const before = systemClock.monotonicNs();
    assert.ok(systemClock.wallMs() > Date.UTC(2024));
    assert.ok(systemClock.monotonicNs() >= before);
  });

  test('sleeps at least as long as asked', async () => {
    const before = systemClock.monotonicNs();
    await systemClock.sleep(20);
    // Timers have a resolution of one millisecond.
    assert.ok(systemClock.monotonicNs() - before >= 19_000_000n);
  });
});

const clocks: readonly (readonly [string, () => Clock])[] = [
  ['systemClock', () => systemClock],
  ['manualClock', () => manualClock()],
];
for (const [name, make] of clocks) {
  describe(`${name}: sleep`, () => {
    test('an abort ends it with the reason, and leaves no listener', async () => {
      const stop = new AbortController();
      const sleeping = make().sleep(60_000, stop.signal);
      const reason = new Error('stopped by the test');
      stop.abort(reason);
      await assert.rejects(sleeping, reason);
      assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
    });

    test('an aborted signal ends it at once', async () => {
      await assert.rejects(make().sleep(60_000, AbortSignal.abort(new Error('before'))), /before/);
    });

    test('durations outside its limits are refused', async () => {
      for (const durationMs of [-1, sleepMsMax + 1, Number.NaN]) {
        await assert.rejects(make().sleep(durationMs), { code: 'ERR_ASSERTION' });
      }
    });
  });
}

describe('manualClock', () => {
  test('stands still until advanced, then moves both times', async () => {
    const clock = manualClock({ wallMs: 1000, monotonicNs: 5n });
    assert.equal(clock.wallMs(), 1000);
    await clock.advance(1.5);
    assert.equal(clock.wallMs(), 1001.5);
    assert.equal(clock.monotonicNs(), 1_500_005n);
  });

  test('wakes sleepers in the order of their moments, each at its own', async () => {
    const clock = manualClock();
    const seen: string[] = [];
    const sleeper = async (name: string, durationMs: number): Promise<void> => {
      await clock.sleep(durationMs);
      seen.push(`${name}@${clock.wallMs()}`);
    };
    const all = [sleeper('late', 30), sleeper('early', 10), sleeper('never', 100)];
    await clock.advance(50);
    assert.deepEqual(seen, ['early@10', 'late@30']);
    assert.equal(clock.sleepers(), 1);
    await clock.advance(50);
    await Promise.all(all);
  });

  test('a loop that sleeps again is woken each time', async () => {
    const clock = manualClock();
    const ticks: number[] = [];
    const stop = new AbortController();
    const loop = (async () => {
      for (;;) {
        await clock.sleep(10, stop.signal);
        ticks.push(clock.wallMs());
      }
    })();
    await clock.advance(35);
    assert.deepEqual(ticks, [10, 20, 30]);
    stop.abort(new Error('enough'));
    await assert.rejects(loop, /enough/);
    assert.equal(clock.sleepers(), 0);
  });

  test('the wall clock jumps alone', async () => {
    const clock = manualClock({ wallMs: 50 });
    clock.setWallMs(10);
    await clock.advance(1);
    assert.equal(clock.wallMs(), 11);
    assert.equal(clock.monotonicNs(), 1_000_000n);
  });
});
