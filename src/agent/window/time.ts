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

/** A wall clock that is slewed loses or gains 0.05 %; what is more than this within a window was set. */
const stepMsMin = 1000;

/**
 * When a window began, by the wall clock at its end. That is where the one before it ended, unless the clock
 * was set meanwhile: then it is as long before its end as it took, for a window lasts as long as it does, and
 * receivers refuse one that ends before it starts. `tookMs` is undefined where another process began it.
 */
export function windowStart(
  lastEnd: string,
  { endMs, tookMs }: { readonly endMs: number; readonly tookMs: number | undefined },
): string {
  const spanMs = endMs - Date.parse(lastEnd);
  if (tookMs === undefined) return spanMs < 0 ? new Date(endMs).toISOString() : lastEnd;
  const wasSet = spanMs < 0 || Math.abs(spanMs - tookMs) > stepMsMin;
  return wasSet ? new Date(endMs - tookMs).toISOString() : lastEnd;
}
