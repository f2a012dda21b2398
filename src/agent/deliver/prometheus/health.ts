/** Alive: the agent's loop comes round. Ready: it counts, and windows end. */

import type { Vitals } from '../../../model/vitals.ts';

export const healthLimits = {
  /** A full or slow disk holds a tick up for long; whoever restarts an agent should be sure. */
  quietMsMax: 60_000,
  /** Windows without an end. */
  windowsMax: 3,
  /** Of short windows. */
  windowMsMin: 5000,
} as const;

export interface Verdict {
  readonly good: boolean;
  /** One line. */
  readonly reason: string;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Undefined: the agent is only starting. */
export function alive(vitals: Vitals | undefined): Verdict {
  if (!vitals) return { good: true, reason: 'starting' };
  const quiet = seconds(vitals.quietMs);
  return vitals.quietMs <= healthLimits.quietMsMax
    ? { good: true, reason: `the loop came round ${quiet} ago` }
    : { good: false, reason: `the loop has stood still for ${quiet}` };
}

function unready(vitals: Vitals | undefined): string | undefined {
  if (!vitals) return 'starting: no programs are attached yet';
  const { step, stepSince, counting, windowAgoMs, windowMs } = vitals;
  if (step === 'detached')
    return `not counted since ${stepSince ?? 'the start'}: the budget does not allow it`;
  if (!counting) return 'no programs are attached';
  const lateMs = Math.max(healthLimits.windowMsMin, healthLimits.windowsMax * windowMs);
  if (windowAgoMs <= lateMs) return undefined;
  return `no window has ended for ${seconds(windowAgoMs)}, they are ${seconds(windowMs)} long`;
}

export function ready(vitals: Vitals | undefined): Verdict {
  const reason = unready(vitals);
  if (reason !== undefined) return { good: false, reason };
  const ago = seconds(vitals?.windowAgoMs ?? 0);
  return { good: true, reason: `counting; the last window ended, or counting began, ${ago} ago` };
}
