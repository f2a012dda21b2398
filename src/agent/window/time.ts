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

/** Converts with the clocks' difference of now; good for times of the last seconds. */
export function wallTimes(clock: Clock): WallTimes {
  const wall = clock.wallMs();
  const fromMonotonic = wall - Number(clock.monotonicNs()) / 1e6;
  const fromBoot = wall - clock.bootMs();
  return {
    ofMonotonic: (ns) => new Date(fromMonotonic + ns / 1e6).toISOString(),
    ofBoot: (ns) => new Date(fromBoot + ns / 1e6).toISOString(),
  };
}
