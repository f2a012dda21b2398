/** How the agent stands, from its parts, for exporters that are asked whether it is alive and ready. */

import type { Clock } from '../lib/clock.ts';
import type { WindowRecord } from '../model/record.ts';
import type { Vitals } from '../model/vitals.ts';
import type { Agent, AgentStatus } from './agent.ts';

export interface VitalSigns {
  /** The loop comes round. */
  readonly beat: () => void;
  /** Whom to ask from now on. */
  readonly serve: (of: { status(): AgentStatus } & Partial<Pick<Agent, 'observe'>>) => void;
  /** Undefined before somebody was there to be asked. */
  readonly vitals: () => Vitals | undefined;
}

export function vitalSigns(clock: Clock, windowMs: () => number): VitalSigns {
  const nowMs = (): number => Number(clock.monotonicNs() / 1_000_000n);
  let [beatMs, windowEndMs] = [nowMs(), nowMs()];
  /** Windows become shorter again: the one that ends then was still a long one. */
  let lastLengthMs = 0;
  let asked: { status(): AgentStatus } | undefined;

  function ended(window: WindowRecord): void {
    windowEndMs = nowMs();
    lastLengthMs = Date.parse(window['window.end']) - Date.parse(window['window.start']);
  }

  return {
    beat() {
      beatMs = nowMs();
    },
    serve(of) {
      asked = of;
      if (!of.observe) return;
      [windowEndMs, lastLengthMs] = [nowMs(), 0];
      of.observe(ended);
    },
    vitals() {
      if (!asked) return undefined;
      const { budget, signals, exporters } = asked.status();
      return {
        quietMs: nowMs() - beatMs,
        step: budget.step,
        stepSince: budget.since,
        usage: budget.usage,
        limits: budget.limits,
        counting: signals.length > 0,
        windowAgoMs: nowMs() - windowEndMs,
        windowMs: Math.max(windowMs(), lastLengthMs),
        exporters,
      };
    },
  };
}
