/**
 * What the store dropped before its time, for want of disk: of each level all that is of before a moment.
 * Kept in the store, known here. It only grows.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { keptTables } from './retention.ts';
import { statement } from './statement.ts';

/** From fine to coarse. `flows` are windows and events as they came, the others are made of them. */
export const diskLevels = ['flows', 'minutes', 'hours'] as const;
export type DiskLevel = (typeof diskLevels)[number];

const levelsOfTables: ReadonlyMap<string, DiskLevel> = new Map(
  keptTables.map(({ table, level }) => {
    if (level === 'minutesMs') return [table, 'minutes'];
    return [table, level === 'hoursMs' ? 'hours' : 'flows'];
  }),
);

/** Undefined for a table that is kept for ever. */
export function levelOfTable(table: string): DiskLevel | undefined {
  return levelsOfTables.get(table);
}

/** Of a table that blocks are written to. */
export function levelOf(table: string): DiskLevel {
  return levelsOfTables.get(table) ?? 'flows';
}

export interface Dropped {
  /** Unix time; 0 where nothing was dropped. A coarser level is never ahead of a finer one. */
  untilMs(level: DiskLevel): number;
  /** Rows of before that which came once more, and were not taken. */
  leftOutRows(): number;
  /** From now on. */
  extend(level: DiskLevel, untilMs: number): void;
  leftOut(rows: number): void;
}

export async function openDropped(client: ClickHouseClient): Promise<Dropped> {
  const answer = await client.query({ query: statement('dropped'), format: 'JSONEachRow' });
  const rows = await answer.json<{ level: DiskLevel; until_ms: string }>();
  const until = new Map<DiskLevel, number>(rows.map((row) => [row.level, Number(row.until_ms)]));
  let leftOut = 0;
  const untilMs = (level: DiskLevel): number => {
    const coarser = diskLevels.slice(diskLevels.indexOf(level));
    return Math.max(...coarser.map((each) => until.get(each) ?? 0));
  };
  return {
    untilMs,
    leftOutRows: () => leftOut,
    extend: (level, toMs) => void until.set(level, Math.max(untilMs(level), toMs)),
    leftOut: (count) => {
      leftOut += count;
    },
  };
}
