/** The agent's pace: ticks, and the borders of windows. */

import type { Clock } from '../lib/clock.ts';

export const agentLimits = {
  /** How often a window that the disk does not take is tried again. */
  diskMs: 1000,
  /**
   * How often the ring is drained. An event takes about 200 B of it, so that it is full at 4 MiB / 200 B /
   * 0.1 s = 200,000 events per second.
   */
  tickMs: 100,
  /** The same while nothing comes and nobody watches: a tick costs an idle node more than all else. */
  quietTickMs: 500,
  /** With more events than this allowed, the ring could be full before a quiet tick has passed. */
  quietEventsPerSecondMax: 20_000,
  /** Events of one tick; the rest waits for the next, which then comes at once. */
  eventsPerTickMax: 20_000,
} as const;

/**
 * Monotonic time of the next border. Borders are at whole multiples of the window in wall time; one that is
 * nearer than a hundredth of a window is the last one, seen again by a wall clock that is being slowed down.
 */
export function nextBorder(clock: Clock, { windowMs }: { readonly windowMs: number }): bigint {
  const untilMs = windowMs - (clock.wallMs() % windowMs);
  const ms = untilMs < windowMs / 100 ? untilMs + windowMs : untilMs;
  return clock.monotonicNs() + BigInt(Math.round(ms * 1e6));
}

/** False when the signal comes, also before its end. */
export async function rest(clock: Clock, signal: AbortSignal, durationMs: number): Promise<boolean> {
  try {
    await clock.sleep(durationMs, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return !signal.aborted;
}

/** What a rest depends on. */
export interface Pace {
  /** Events of the tick before. */
  readonly drained: number;
  /** Somebody looks on, or messages are told in a ring of their own. */
  readonly busy: boolean;
  /** Events that the kernel may tell. */
  readonly plan: { readonly allEvents: boolean; readonly events: { readonly perSecond: number } };
}

/**
 * To the next tick, or to the border if that is nearer. With more to drain the agent only gives way, for
 * signals.
 */
export function untilTickMs(clock: Clock, border: bigint, { drained, busy, plan }: Pace): number {
  const { eventsPerTickMax, quietEventsPerSecondMax, quietTickMs, tickMs } = agentLimits;
  if (drained >= eventsPerTickMax) return 0;
  const few = !plan.allEvents && plan.events.perSecond <= quietEventsPerSecondMax;
  const untilBorderMs = Math.max(0, Math.ceil(Number(border - clock.monotonicNs()) / 1e6));
  return Math.min(drained === 0 && few && !busy ? quietTickMs : tickMs, untilBorderMs);
}
