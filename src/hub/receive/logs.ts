/**
 * What a request of log records says, the same for protobuf and JSON. Only what the labelling standard knows
 * is kept: a field's value stands at the number of its label, so that a row is made without looking names up.
 */

import { labels } from '../../model/labels.ts';
import type { Fields, LogRecord, Value } from '../../model/row/record.ts';

export const logLimits = {
  /** Records, and the parts that hold them, in one request. */
  partsMax: 200_000,
  /** Values within values. */
  depthMax: 16,
  /** Values of one list or map. */
  itemsMax: 10_000,
  /** Values of all lists and maps: an empty map takes 4 bytes of a request, and 200 of memory. */
  valuesMax: 2_000_000,
  /** Objects and lists of a request in JSON, read or not: JSON.parse makes them all. */
  bracketsMax: 4_000_000,
} as const;

/** A request that is not what it says: it is refused whole. */
export class MalformedLogs extends Error {
  override readonly name = 'MalformedLogs';
}

const eventNameField = labels.length;

export interface Name {
  readonly field: number;
  /** Wins over the OpenTelemetry name of the same field when both are there. */
  readonly isCanonical: boolean;
}

/**
 * `isAsked`: by its OpenTelemetry name. Where that is the canonical one too, it goes by the same; but what is
 * said of the emitter may be on each record as well.
 */
function names(isAsked: (label: (typeof labels)[number]) => boolean): Map<string, Name> {
  const all = new Map<string, Name>();
  labels.forEach((label, field) => {
    if (isAsked(label)) all.set(label.otel, { field, isCanonical: false });
  });
  labels.forEach((label, field) => {
    if (label.name !== label.otel || isAsked(label) || label.onResource === true)
      all.set(label.name, { field, isCanonical: true });
  });
  return all;
}

export type Names = ReadonlyMap<string, Name>;

/**
 * Canonical names mean the same in both places. OpenTelemetry's do not: `service.name`, `container.id` on the
 * resource are of who sends, on a record they are of the workload that the record is about.
 */
export const resourceNames: Names = names(({ onResource }) => onResource === true);
export const recordNames: Names = names(({ onResource }) => onResource !== true).set('event.name', {
  field: eventNameField,
  isCanonical: true,
});

export function setField(fields: Fields, { field, isCanonical }: Name, value: Value): void {
  if (isCanonical || fields[field] === undefined) fields[field] = value;
}

/** Takes the name of the event from the attributes where the record itself had none. */
export function finishRecord(record: LogRecord): void {
  const named = record.fields[eventNameField];
  if (record.eventName === '' && typeof named === 'string') record.eventName = named;
}

/** Counts something of one request. Throws when there is more of it than anybody sends. */
export function countUpTo(max: number, what: string): () => void {
  let count = 0;
  return () => {
    if (++count > max) throw new MalformedLogs(`more than ${max} ${what}`);
  };
}
