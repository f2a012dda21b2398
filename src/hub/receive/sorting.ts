/** Sorts the records of one request: those whose row is packed, and those that are rejected by name. */

import type { Moment } from '../../model/row/cells.ts';
import type { LogRecord } from '../../model/row/record.ts';
import { Rejection } from '../../model/row/rejection.ts';
import type { TableRow } from '../../model/row/rows.ts';

export interface Rejected {
  readonly eventName: string;
  readonly error: Rejection;
}

export interface Sorted {
  /** Their rows are packed, in this order. */
  readonly good: readonly LogRecord[];
  readonly bad: readonly Rejected[];
}

export type MakeRow = (record: LogRecord, moment: Moment) => TableRow;

export interface SortOptions {
  readonly makeRow: MakeRow;
  readonly momentOf: (record: LogRecord) => Moment;
  readonly pack: (row: TableRow) => void;
}

export function sortRecords(records: readonly LogRecord[], { makeRow, momentOf, pack }: SortOptions): Sorted {
  const good: LogRecord[] = [];
  const bad: Rejected[] = [];
  for (const record of records) {
    try {
      pack(makeRow(record, momentOf(record)));
      good.push(record);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      bad.push({ eventName: record.eventName, error });
    }
  }
  return { good, bad };
}

export function describeRejected({ eventName, error }: Rejected): string {
  return `${eventName.slice(0, 100) || '(no event name)'}: ${error.message}`;
}

/** `2 records rejected (bounds 1, missing 1); the first: sonde.flow: boot.id is missing` */
export function describeAll(rejected: readonly Rejected[]): string {
  const [first] = rejected;
  if (!first) return '';
  const counts = new Map<string, number>();
  for (const { error } of rejected) counts.set(error.reason, (counts.get(error.reason) ?? 0) + 1);
  const reasons = [...counts].map(([reason, count]) => `${reason} ${count}`).join(', ');
  return `${rejected.length} records rejected (${reasons}); the first: ${describeRejected(first)}`;
}
