/** What an answer lacks because it was dropped before its time, for want of disk. */

import type { Level, Retention, TimeRange } from './range.ts';
import { levelOf } from './range.ts';

const names = { '': 'flows', _1m: 'minutes', _1h: 'hours' } as const;
const grains = { '': 'as it came', _1m: 'by the minute', _1h: 'by the hour' } as const;

function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const why = 'it was dropped to keep the disk free (disk in hub.yaml)';

export interface DroppedAsked {
  /** As it was asked, and as it is answered. */
  readonly asked: TimeRange;
  readonly level: Level;
  readonly nowMs: number;
  /** Single connections or listeners: no sums are made of them. */
  readonly readsUnrolled: boolean;
}

export function droppedNotes(
  { asked, level, nowMs, readsUnrolled }: DroppedAsked,
  retention: Retention,
): string[] {
  const { droppedUntilMs = () => 0, ...kept } = retention;
  const [untilMs, flowsUntilMs] = [droppedUntilMs(names[level.suffix]), droppedUntilMs('flows')];
  if (asked.fromMs < untilMs) return [`nothing of before ${moment(untilMs)} is kept: ${why}`];
  const finer = levelOf(asked, nowMs, kept);
  const isCoarser = finer.suffix !== level.suffix;
  const finerUntilMs = droppedUntilMs(names[finer.suffix]);
  const isShort = readsUnrolled && asked.fromMs < flowsUntilMs;
  return [
    ...(isCoarser
      ? [
          `answered ${grains[level.suffix]}: what is finer of before ${moment(finerUntilMs)} is not kept: ${why}`,
        ]
      : []),
    ...(isShort
      ? [`no single connection or listener of before ${moment(flowsUntilMs)} is kept: ${why}`]
      : []),
  ];
}
