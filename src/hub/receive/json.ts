/**
 * ExportLogsServiceRequest as OTLP/JSON says it: lowerCamelCase names, 64-bit integers as text or number.
 * What is not ours is skipped, as the protocol wants; what is ours and has the wrong shape is malformed.
 */

import {
  countUpTo,
  finishRecord,
  logLimits,
  MalformedLogs,
  recordNames,
  resourceNames,
  setField,
  type Names,
} from './logs.ts';
import type { Fields, LogRecord, Value } from '../../model/row/record.ts';

type Json = Readonly<Record<string, unknown>>;

const nsPerMs = 1e6;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Absent and null are the same: nothing is there. */
function objectOf(value: unknown, what: string): Json {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new MalformedLogs(`${what} is not an object`);
  return value;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new MalformedLogs(`${what} is not a list`);
  return value;
}

function textOf(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new MalformedLogs(`${what} is not text`);
  return value;
}

const specialNumbers = new Set(['NaN', 'Infinity', '-Infinity']);

function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  if (
    typeof value === 'string' &&
    (specialNumbers.has(value) || /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value))
  )
    return Number(value);
  throw new MalformedLogs(`${what} is not a number`);
}

function itemsOf(value: unknown, what: string): readonly unknown[] {
  const items = listOf(objectOf(value, what)['values'], `${what}.values`);
  if (items.length > logLimits.itemsMax)
    throw new MalformedLogs(`more than ${logLimits.itemsMax} values in a list`);
  return items;
}

function mapOf(value: unknown, depth: number): ReadonlyMap<string, Value> {
  const map = new Map<string, Value>();
  for (const item of itemsOf(value, 'kvlistValue')) {
    const pair = objectOf(item, 'kvlistValue.values');
    map.set(textOf(pair['key'], 'key'), valueOf(pair['value'], depth));
  }
  return map;
}

/** AnyValue. */
function valueOf(any: unknown, depth: number): Value {
  if (depth > logLimits.depthMax) throw new MalformedLogs('values nested too deep');
  const value = objectOf(any, 'value');
  if (value['stringValue'] !== undefined) return textOf(value['stringValue'], 'stringValue');
  if (value['intValue'] !== undefined) return numberOf(value['intValue'], 'intValue');
  if (value['doubleValue'] !== undefined) return numberOf(value['doubleValue'], 'doubleValue');
  if (value['boolValue'] !== undefined) return value['boolValue'] === true;
  if (value['arrayValue'] !== undefined)
    return itemsOf(value['arrayValue'], 'arrayValue').map((item) => valueOf(item, depth + 1));
  if (value['kvlistValue'] !== undefined) return mapOf(value['kvlistValue'], depth + 1);
  return undefined;
}

function readAttributes(attributes: unknown, names: Names, fields: Fields): void {
  for (const item of listOf(attributes, 'attributes')) {
    const attribute = objectOf(item, 'attributes');
    const name = names.get(textOf(attribute['key'], 'key'));
    if (name) setField(fields, name, valueOf(attribute['value'], 0));
  }
}

function readRecord(json: Json, resource: Fields): LogRecord {
  const record: LogRecord = {
    eventName: textOf(json['eventName'], 'eventName'),
    timeMs: numberOf(json['timeUnixNano'] ?? 0, 'timeUnixNano') / nsPerMs,
    observedMs: numberOf(json['observedTimeUnixNano'] ?? 0, 'observedTimeUnixNano') / nsPerMs,
    fields: [],
    resource,
  };
  readAttributes(json['attributes'], recordNames, record.fields);
  finishRecord(record);
  return record;
}

const [brace, bracket] = [0x7b, 0x5b];

/** Those within texts count too: nobody sends that many. */
function checkBrackets(body: Buffer): void {
  const count = countUpTo(logLimits.bracketsMax, 'objects and lists');
  for (const byte of body) if (byte === brace || byte === bracket) count();
}

/** Throws MalformedLogs. */
export function decodeJson(body: Buffer): LogRecord[] {
  checkBrackets(body);
  let request: unknown;
  try {
    request = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new MalformedLogs('not JSON', { cause: error });
  }
  if (!isObject(request)) throw new MalformedLogs('not an object');
  const countPart = countUpTo(logLimits.partsMax, 'records');
  const records: LogRecord[] = [];
  for (const resourceItem of listOf(request['resourceLogs'], 'resourceLogs')) {
    countPart();
    const resourceLogs = objectOf(resourceItem, 'resourceLogs');
    const resource: Fields = [];
    readAttributes(objectOf(resourceLogs['resource'], 'resource')['attributes'], resourceNames, resource);
    for (const scopeItem of listOf(resourceLogs['scopeLogs'], 'scopeLogs')) {
      countPart();
      for (const item of listOf(objectOf(scopeItem, 'scopeLogs')['logRecords'], 'logRecords')) {
        countPart();
        records.push(readRecord(objectOf(item, 'logRecords'), resource));
      }
    }
  }
  return records;
}
