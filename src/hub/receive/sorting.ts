/** Sorts the records of one request: those that have a row, and those that are rejected by name. */

import type { Moment } from '../../model/row/cells.ts';
import type { LogRecord } from '../../model/row/record.ts';
import { Rejection } from '../../model/row/rejection.ts';
import type { TableRow } from '../../model/row/rows.ts';

export interface Rejected {
  readonly record: LogRecord;
  readonly error: Rejection;
}

export interface Sorted {
  readonly good: readonly { readonly record: LogRecord; readonly row: TableRow }[];
  readonly bad: readonly Rejected[];
}

export type MakeRow = (record: LogRecord, moment: Moment) => TableRow;

export function sortRecords(
  records: readonly LogRecord[],
  { makeRow, momentOf }: { readonly makeRow: MakeRow; readonly momentOf: (record: LogRecord) => Moment },
): Sorted {
  const good: { record: LogRecord; row: TableRow }[] = [];
  const bad: Rejected[] = [];
  for (const record of records) {
    try {
      good.push({ record, row: makeRow(record, momentOf(record)) });
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      bad.push({ record, error });
    }
  }
  return { good, bad };
}

export function describeRejected({ record, error }: Rejected): string {
  return `${record.eventName.slice(0, 100) || '(no event name)'}: ${error.message}`;
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
