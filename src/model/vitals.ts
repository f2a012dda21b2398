/** How the agent stands at this moment, for an exporter that is asked whether it is alive and ready. */

import type { Step } from './budget.ts';

export interface Vitals {
  /** How long ago its loop came round last. */
  readonly quietMs: number;
  /** What was given up for the budget, and since when; RFC 3339, null: no step was taken. */
  readonly step: Step;
  readonly stepSince: string | null;
  /** What was measured last; null before that. */
  readonly usage: {
    /** Shares of one processor. */
    readonly agentCpu: number;
    readonly programsCpu: number;
    readonly agentBytes: number;
    readonly mapBytes: number;
  } | null;
  readonly limits: { readonly cpu: number; readonly memory: number };
  /** Programs are attached, and what they count goes into windows. */
  readonly counting: boolean;
  /** How long ago a window ended, or counting began; how long windows are. */
  readonly windowAgoMs: number;
  readonly windowMs: number;
  readonly exporters: Readonly<Record<string, ExporterVitals>>;
}

export interface ExporterVitals {
  /** What waits for it in the spool. */
  readonly behindRecords: number;
  readonly behindBytes: number;
  /** Since the start; bytes as they were sent or written. */
  readonly deliveredRecords: number;
  readonly deliveredBytes: number;
  /** RFC 3339; null: never. */
  readonly lastDeliveredAt: string | null;
}
