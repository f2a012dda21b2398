/**
 * Time. The only file that may ask the machine for it; everything else is handed a Clock, so that a test
 * decides what time it is.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The longest sleep: setTimeout holds its delay in 31 bits and fires at once beyond that. */
export const sleepMsMax = 2 ** 31 - 1;

export interface Clock {
  /** Unix time in milliseconds. It may jump, both ways. */
  wallMs(): number;
  /** Nanoseconds since some moment. Never goes back; the same time line as the kernel's CLOCK_MONOTONIC. */
  monotonicNs(): bigint;
  /** CLOCK_BOOTTIME in milliseconds: monotonic time and the time in suspend. To 10 ms. */
  bootMs(): number;
  /** Rejects with the signal's reason when it is aborted, before or during. 0 gives way once. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

function assertDuration(durationMs: number): void {
  assert.ok(
    durationMs >= 0 && durationMs <= sleepMsMax,
    `sleep takes 0 to ${sleepMsMax} ms, not ${durationMs}`,
  );
}

/**
 * Arranges that `wake` or an abort, whichever comes first, settles the promise, and that neither leaves
 * anything behind.
 */
function cancellable(
  signal: AbortSignal | undefined,
  start: (wake: () => void) => { readonly cancel: () => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const timer = start(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicNs: () => process.hrtime.bigint(),
  bootMs: () => Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000,
  sleep: async (durationMs, signal) => {
    assertDuration(durationMs);
    await cancellable(signal, (wake) => {
      const timer = setTimeout(wake, durationMs);
      return { cancel: () => clearTimeout(timer) };
    });
  },
};

export interface ManualClock extends Clock {
  /**
   * Moves both times on, stopping at each sleeper's moment in order, so that one that sleeps again in between
   * is woken when it should be. Resolves when whoever was woken has run as far as it can without more time.
   */
  advance(durationMs: number): Promise<void>;
  /** Sets the wall clock alone, as an operator or NTP does. */
  setWallMs(wallMs: number): void;
  /** How many sleep now. */
  sleepers(): number;
}

interface Sleeper {
  readonly wakeNs: bigint;
  readonly wake: () => void;
}

const nsPerMs = 1_000_000;

/** A clock for tests: it stands still until it is advanced. */
export function manualClock(start: { wallMs?: number; monotonicNs?: bigint } = {}): ManualClock {
  let wallMs = start.wallMs ?? 0;
  let nowNs = start.monotonicNs ?? 0n;
  const sleepers = new Set<Sleeper>();

  function moveTo(timeNs: bigint): void {
    wallMs += Number(timeNs - nowNs) / nsPerMs;
    nowNs = timeNs;
  }

  function nextBefore(endNs: bigint): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.wakeNs <= endNs && (first === undefined || sleeper.wakeNs < first.wakeNs)) first = sleeper;
    }
    return first;
  }

  return {
    wallMs: () => wallMs,
    monotonicNs: () => nowNs,
    bootMs: () => Number(nowNs) / nsPerMs,
    sleep: async (durationMs, signal) => {
      assertDuration(durationMs);
      await cancellable(signal, (wake) => {
        const sleeper = { wakeNs: nowNs + BigInt(Math.round(durationMs * nsPerMs)), wake };
        sleepers.add(sleeper);
        return { cancel: () => sleepers.delete(sleeper) };
      });
    },
    advance: async (durationMs) => {
      assertDuration(durationMs);
      const endNs = nowNs + BigInt(Math.round(durationMs * nsPerMs));
      await nextTurn();
      for (let next = nextBefore(endNs); next !== undefined; next = nextBefore(endNs)) {
        moveTo(next.wakeNs);
        sleepers.delete(next);
        next.wake();
        await nextTurn();
      }
      moveTo(endNs);
    },
    setWallMs: (value) => {
      wallMs = value;
    },
    sleepers: () => sleepers.size,
  };
}
