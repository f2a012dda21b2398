/**
 * A record as rows are made of it: a field's value stands at the number of its label, so that nothing looks
 * names up.
 */

import { labels } from '../labels.ts';
import type { NumberedRecord } from '../record.ts';

/** Bytes and what is not set are undefined: no label has either. */
export type Value = string | number | boolean | undefined | readonly Value[] | ReadonlyMap<string, Value>;

/** By the number of a label; sparse. */
export type Fields = Value[];

export interface LogRecord {
  /** LogRecord.event_name, or the attribute `event.name` of senders that do not know that field. */
  eventName: string;
  /** time_unix_nano in milliseconds; 0 when it is not set. */
  timeMs: number;
  /** observed_time_unix_nano, likewise: when an agent sent it, by its own clock. */
  observedMs: number;
  readonly fields: Fields;
  readonly resource: Fields;
}

const numbers = new Map(labels.map(({ name }, number) => [name, number]));

/** The number of a label, for those who read fields. */
export function fieldOf(label: string): number {
  const number = numbers.get(label);
  if (number === undefined) throw new Error(`no label ${label}`);
  return number;
}

function valueOf(value: unknown): Value {
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value !== 'object') return value as Value;
  return value === null ? undefined : new Map(Object.entries(value).map(([key, of]) => [key, valueOf(of)]));
}

/** As the hub has it when it was sent there. */
export function logRecordOf(record: NumberedRecord): LogRecord {
  const fields: Fields = [];
  for (const [name, value] of Object.entries(record)) {
    const number = numbers.get(name);
    if (number !== undefined) fields[number] = valueOf(value);
  }
  return {
    eventName: record['event.name'],
    timeMs: Date.parse(record.time),
    observedMs: 0,
    fields,
    resource: [],
  };
}
