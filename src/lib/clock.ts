/** Time, injected: nothing else in src/ asks the machine for it. */

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export type Clock = {
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** CLOCK_MONOTONIC, the clock of the kernel programs. */
  monotonicNs(): bigint;
  /** CLOCK_BOOTTIME: monotonic and suspend; 10 ms fine. */
  bootMs(): number;
  /** Resolves after that time, or at once when the signal says so. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicNs: () => process.hrtime.bigint(),
  bootMs: () => Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000,
  async sleep(ms, signal) {
    try {
      await setTimeout(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      if ((error as Error).name !== 'AbortError') throw error;
    }
  },
};
