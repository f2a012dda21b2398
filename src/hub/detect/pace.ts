/**
 * How detectors leave the store to those who ask: none begins a step while somebody is answered, and who is
 * behind rests after each step as long as it took. Nobody can keep them from it for long: what detectors find
 * must not depend on who looks.
 */

import type { Clock } from '../../lib/clock.ts';

export const paceLimits = {
  /** So long whoever asks is waited for. */
  waitMsMax: 5000,
  restMsMax: 10_000,
} as const;

export interface Pace {
  /** Before a step: resolves when it may begin. */
  begin(signal: AbortSignal): Promise<void>;
  /** After one that more follow. */
  rest(tookMs: number, signal: AbortSignal): Promise<void>;
}

export interface PaceOptions {
  /** Resolves when nobody is being answered. */
  readonly idle: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

export function openPace({ idle, clock }: PaceOptions): Pace {
  return {
    async begin(signal) {
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal]);
      try {
        await Promise.race([idle(either), clock.sleep(paceLimits.waitMsMax, either)]);
      } finally {
        over.abort();
      }
    },
    rest: (tookMs, signal) => clock.sleep(Math.min(tookMs, paceLimits.restMsMax), signal),
  };
}

/** For those whom nobody else waits for. */
export const atOnce: Pace = { begin: () => Promise.resolve(), rest: () => Promise.resolve() };
