/**
 * From a record's values to the cells of a row, checked: a label's type and bounds are said where its column
 * is. What passes here the store takes; a cell that it refused would hold all later blocks up.
 */

import { fieldOf, type LogRecord, type Value } from './record.ts';
import { Rejection } from './rejection.ts';

/** Of an agent's clock, to the one of whoever receives. */
export interface ClockReading {
  /** What it lacks; less than nothing where it is ahead. */
  readonly offsetMs: number;
  /** What is added to its times. */
  readonly correctionMs: number;
}

/** When the request came in: bounds times, and is `received_at`. */
export interface Moment {
  readonly nowMs: number;
  /** Of the agent whose record it is; as it should be where that is left out. */
  readonly clock?: ClockReading;
}

export type Cell = (record: LogRecord, moment: Moment) => unknown;

export const cellLimits = {
  textMax: 1024,
  pathMax: 4096,
  mapKeysMax: 1000,
  jsonMax: 4 << 20,
  /** An agent that was cut off sends what its spool held; at most so many partitions in one insert. */
  pastMsMax: 31 * 86_400_000,
  /** Clocks that are a little ahead. */
  futureMsMax: 3_600_000,
} as const;

/** Characters of what came, in messages. */
const shownMax = 100;

function show(value: Value): string {
  const text = typeof value === 'object' ? 'a list or map' : JSON.stringify(value);
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}

/** The record's own value wins over the resource's. */
function read(record: LogRecord, field: number): Value {
  return record.fields[field] ?? record.resource[field];
}

interface Expected<T> {
  readonly label: string;
  /** In words, for the message. */
  readonly type: string;
  readonly is: (value: Value) => value is Value & T;
}

/** The label's value, undefined where it has none. */
function typed<T>({ label, type, is }: Expected<T>): (record: LogRecord) => T | undefined {
  const field = fieldOf(label);
  return (record) => {
    const value = read(record, field);
    if (value === undefined || is(value)) return value;
    throw new Rejection('type', `${label} is ${show(value)}, not ${type}`);
  };
}

const isText = (value: Value): value is string => typeof value === 'string';
const isNumber = (value: Value): value is number => typeof value === 'number';
const isBool = (value: Value): value is boolean => typeof value === 'boolean';
const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
const isMap = (value: Value): value is ReadonlyMap<string, Value> => value instanceof Map;

export function textValue(label: string): (record: LogRecord) => string | undefined {
  return typed({ label, type: 'text', is: isText });
}

function fitting(label: string, of: string, max: number = cellLimits.textMax): string {
  if (of.length > max) throw new Rejection('bounds', `${label} is longer than ${max} characters`);
  return of.isWellFormed() ? of : of.toWellFormed();
}

/** Text, '' where there is none. */
export function text(label: string, { max = cellLimits.textMax }: { max?: number } = {}): Cell {
  const value = textValue(label);
  return (record) => {
    const of = value(record) ?? '';
    return fitting(label, of, max);
  };
}

export function requiredText(label: string): Cell {
  const cell = text(label);
  return (record, moment) => {
    const of = cell(record, moment);
    if (of === '') throw new Rejection('missing', `${label} is missing`);
    return of;
  };
}

export function word(label: string, words: readonly string[], { optional = false } = {}): Cell {
  const value = textValue(label);
  return (record) => {
    const of = value(record);
    if (of !== undefined && words.includes(of)) return of;
    if (of !== undefined)
      throw new Rejection('bounds', `${label} is ${show(of)}, none of ${words.join(', ')}`);
    if (optional) return '';
    throw new Rejection('missing', `${label} is missing`);
  };
}

export function checkInteger(label: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Rejection('bounds', `${label} is ${value}, not a whole number from 0 to ${max}`);
}

/** A whole number; undefined where there is none. Numbers beyond 2^53 - 1 are not exact: no bounds allow them. */
export function integerValue(
  label: string,
  max: number = Number.MAX_SAFE_INTEGER,
): (record: LogRecord) => number | undefined {
  const value = typed({ label, type: 'a number', is: isNumber });
  return (record) => {
    const of = value(record);
    return of === undefined ? undefined : checkInteger(label, of, max);
  };
}

/** A sum: 0 where it is not said. */
export function integer(label: string, max?: number): Cell {
  const value = integerValue(label, max);
  return (record) => value(record) ?? 0;
}

export function requiredInteger(label: string): (record: LogRecord) => number {
  const value = integerValue(label);
  return (record) => {
    const of = value(record);
    if (of === undefined) throw new Rejection('missing', `${label} is missing`);
    return of;
  };
}

export function nullableInteger(label: string, max?: number): Cell {
  const value = integerValue(label, max);
  return (record) => value(record) ?? null;
}

/** A measured amount: finite, not negative. */
export function amountValue(label: string): (record: LogRecord) => number | undefined {
  const value = typed({ label, type: 'a number', is: isNumber });
  return (record) => {
    const of = value(record);
    if (of === undefined || (of >= 0 && of < Infinity)) return of;
    throw new Rejection('bounds', `${label} is ${of}, not a number from 0 on`);
  };
}

export function nullableAmount(label: string): Cell {
  const value = amountValue(label);
  return (record) => value(record) ?? null;
}

export function bool(label: string): Cell {
  const value = typed({ label, type: 'true or false', is: isBool });
  return (record) => value(record) ?? false;
}

export function listValue(label: string): (record: LogRecord) => readonly Value[] {
  const value = typed({ label, type: 'a list', is: isList });
  return (record) => value(record) ?? [];
}

/** Words, such as names. */
export function textsValue(label: string): Cell {
  const values = listValue(label);
  return (record) =>
    values(record).map((value) => {
      if (typeof value !== 'string') throw new Rejection('type', `${label} has ${show(value)}, not text`);
      return fitting(`a value of ${label}`, value);
    });
}

/** What a map has by name, each value read by `cell`. */
function mapValue<T>(
  label: string,
  cell: (value: Value, label: string) => T,
): (record: LogRecord) => Readonly<Record<string, T>> {
  const value = typed({ label, type: 'a map', is: isMap });
  return (record) => {
    const map = value(record);
    if (map === undefined) return {};
    if (map.size > cellLimits.mapKeysMax) {
      throw new Rejection('bounds', `${label} has more than ${cellLimits.mapKeysMax} keys`);
    }
    const cells = [...map].map(([key, of]): [string, T] => {
      const name = fitting(`a key of ${label}`, key);
      return [name, cell(of, `${label}.${name.slice(0, shownMax)}`)];
    });
    return Object.fromEntries(cells);
  };
}

/** Counts by name. */
export function countsValue(label: string): (record: LogRecord) => Readonly<Record<string, number>> {
  return mapValue(label, (count, of) => {
    if (!isNumber(count)) throw new Rejection('type', `${of} is ${show(count)}, not a number`);
    return checkInteger(of, count, Number.MAX_SAFE_INTEGER);
  });
}

/** Texts by name. */
export function namedTexts(label: string): Cell {
  return mapValue(label, (text, of) => {
    if (!isText(text)) throw new Rejection('type', `${of} is ${show(text)}, not text`);
    return fitting(of, text);
  });
}

function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value;
}

/** A value of any shape, as JSON text. */
export function json(label: string): Cell {
  const field = fieldOf(label);
  return (record) => {
    const of = JSON.stringify(read(record, field) ?? [], plain);
    if (of.length > cellLimits.jsonMax) {
      throw new Rejection('bounds', `${label} is longer than ${cellLimits.jsonMax} characters`);
    }
    return of;
  };
}
