/**
 * The kernel's clocks in wall time. Monotonic time stands still in suspend, so the difference is taken anew
 * each time.
 */

import type { Clock } from '../../lib/clock.ts';

export interface WallTimes {
  /** RFC 3339 of a CLOCK_MONOTONIC time. */
  ofMonotonic(ns: number): string;
  /** RFC 3339 of a CLOCK_BOOTTIME time (process start). */
  ofBoot(ns: number): string;
}

/**
 * Wall time at boot, by the clocks of now. Take it once: it is 10 ms coarse, and (pid, start) names a process
 * only if the start is always told the same.
 */
export function bootedAtMs(clock: Clock): number {
  return clock.wallMs() - clock.bootMs();
}

/** Converts with the clocks' difference of now; good for times of the last seconds. */
export function wallTimes(clock: Clock, bootedAt: number = bootedAtMs(clock)): WallTimes {
  const wall = clock.wallMs();
  const fromMonotonic = wall - Number(clock.monotonicNs()) / 1e6;
  return {
    ofMonotonic: (ns) => new Date(fromMonotonic + ns / 1e6).toISOString(),
    ofBoot: (ns) => new Date(bootedAt + ns / 1e6).toISOString(),
  };
}
