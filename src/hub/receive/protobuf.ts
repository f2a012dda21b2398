/**
 * ExportLogsServiceRequest of opentelemetry-proto, read field by field (collector/logs/v1, logs/v1,
 * common/v1, resource/v1). What is not ours is skipped. PbfReader believes the lengths that it reads, so all
 * of them are checked here: a message that ends elsewhere than it said is malformed.
 */

import { PbfReader } from 'pbf';
import {
  countUpTo,
  finishRecord,
  logLimits,
  MalformedLogs,
  recordNames,
  resourceNames,
  setField,
  type Name,
  type Names,
} from './logs.ts';
import type { Fields, LogRecord, Value } from '../../model/row/record.ts';

const wire = { varint: 0, fixed64: 1, bytes: 2 } as const;
const nsPerMs = 1e6;

/** Text as it lay in a request. Comparing bytes is cheaper than making a string of them. */
interface SeenText {
  readonly from: number;
  readonly end: number;
  readonly text: string;
}

/** A key of ours. Records of a request have much the same keys in the same order, and many the same values. */
interface SeenKey extends SeenText {
  readonly names: Names;
  readonly name: Name;
  next?: SeenKey;
  value?: SeenText;
}

interface Reading {
  readonly pbf: PbfReader;
  /** The same bytes. Makes text faster than the TextDecoder of pbf. */
  readonly bytes: Buffer;
  readonly records: LogRecord[];
  readonly keys: Map<Name, SeenKey>;
  /** The one before the next one. */
  lastKey?: SeenKey;
  readonly countPart: () => void;
  readonly countValue: () => void;
}

function expect(pbf: PbfReader, type: number): void {
  if (pbf.type !== type) throw new MalformedLogs(`wire type ${pbf.type} where ${type} belongs`);
}

/** The end of the message, text or bytes that begin here. */
function enter({ pbf, bytes }: Reading): number {
  expect(pbf, wire.bytes);
  const length = pbf.readVarint();
  const end = pbf.pos + length;
  if (!(end <= bytes.length)) throw new MalformedLogs('cut off');
  return end;
}

/** Gives `read` every field up to `end`; what it leaves is skipped. */
function eachField<T>(
  reading: Reading,
  end: number,
  into: T,
  read: (field: number, reading: Reading, into: T) => void,
): T {
  const { pbf } = reading;
  for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) read(field, reading, into);
  if (pbf.pos !== end) throw new MalformedLogs('a message that ends elsewhere than it says');
  return into;
}

function readText(reading: Reading): string {
  const end = enter(reading);
  const { pbf, bytes } = reading;
  const text = bytes.toString('utf8', pbf.pos, end);
  pbf.pos = end;
  return text;
}

/** Up to `end`, with what was seen before. */
function isSame({ pbf, bytes }: Reading, end: number, seen: SeenText): boolean {
  const ahead = pbf.pos - seen.from;
  if (end - seen.end !== ahead) return false;
  for (let at = seen.from; at < seen.end; at++) if (bytes[at + ahead] !== bytes[at]) return false;
  return true;
}

/** The key, where it is one of ours. */
function readKey(reading: Reading, names: Names): SeenKey | undefined {
  const { pbf, bytes, lastKey } = reading;
  const end = enter(reading);
  const from = pbf.pos;
  const guess = lastKey?.next;
  const isGuess = guess?.names === names && isSame(reading, end, guess);
  pbf.pos = end;
  if (isGuess) return (reading.lastKey = guess);
  const text = bytes.toString('utf8', from, end);
  const name = names.get(text);
  if (!name) return undefined;
  const key = reading.keys.get(name) ?? { names, name, from, end, text };
  reading.keys.set(name, key);
  if (lastKey) lastKey.next = key;
  return (reading.lastKey = key);
}

/** The value of a key; often the one that it had before. */
function readTextOf(reading: Reading, key: SeenKey): string {
  const { pbf, bytes } = reading;
  const end = enter(reading);
  const from = pbf.pos;
  const isBefore = key.value !== undefined && isSame(reading, end, key.value);
  pbf.pos = end;
  if (!isBefore) key.value = { from, end, text: bytes.toString('utf8', from, end) };
  return key.value?.text ?? '';
}

/** Precise up to 2^53, as every number of ours is; beyond that it is a number that no column takes. */
function readInteger({ pbf }: Reading): number {
  expect(pbf, wire.varint);
  return pbf.readVarint(true);
}

function readFixed64({ pbf }: Reading): number {
  expect(pbf, wire.fixed64);
  return pbf.readFixed64();
}

function readDouble({ pbf }: Reading): number {
  expect(pbf, wire.fixed64);
  return pbf.readDouble();
}

function checkItems(count: number): void {
  if (count > logLimits.itemsMax) throw new MalformedLogs(`more than ${logLimits.itemsMax} values in a list`);
}

function readList(reading: Reading, depth: number): readonly Value[] {
  return eachField<Value[]>(reading, enter(reading), [], (field, _, list) => {
    if (field !== 1) return;
    reading.countValue();
    list.push(readValue(reading, depth));
    checkItems(list.length);
  });
}

function readMap(reading: Reading, depth: number): ReadonlyMap<string, Value> {
  return eachField(reading, enter(reading), new Map<string, Value>(), (field, _, map) => {
    if (field !== 1) return;
    reading.countValue();
    const pair = { key: '', value: undefined as Value };
    eachField(reading, enter(reading), pair, (part) => {
      if (part === 1) pair.key = readText(reading);
      else if (part === 2) pair.value = readValue(reading, depth);
    });
    map.set(pair.key, pair.value);
    checkItems(map.size);
  });
}

/** AnyValue, when its length comes next. */
function readValue(reading: Reading, depth: number, key?: SeenKey): Value {
  if (depth > logLimits.depthMax) throw new MalformedLogs('values nested too deep');
  const end = enter(reading);
  const { pbf } = reading;
  let value: Value;
  for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
    if (field === 1) value = key ? readTextOf(reading, key) : readText(reading);
    else if (field === 2) value = readInteger(reading) !== 0;
    else if (field === 3) value = readInteger(reading);
    else if (field === 4) value = readDouble(reading);
    else if (field === 5) value = readList(reading, depth + 1);
    else if (field === 6) value = readMap(reading, depth + 1);
  }
  if (pbf.pos !== end) throw new MalformedLogs('a value that ends elsewhere than it says');
  return value;
}

/** KeyValue, when its length comes next. The value of a name that is not ours is not read at all. */
function readAttribute(reading: Reading, names: Names, fields: Fields): void {
  const end = enter(reading);
  const { pbf } = reading;
  let key: SeenKey | undefined;
  let valueAt = -1;
  for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
    if (field === 1) key = readKey(reading, names);
    else if (field === 2 && key) {
      setField(fields, key.name, readValue(reading, 0, key));
    } else if (field === 2) {
      expect(pbf, wire.bytes);
      valueAt = pbf.pos; // the key may still come
    }
  }
  if (pbf.pos !== end) throw new MalformedLogs('an attribute that ends elsewhere than it says');
  if (!key || valueAt < 0) return;
  pbf.pos = valueAt;
  pbf.type = wire.bytes;
  setField(fields, key.name, readValue(reading, 0, key));
  pbf.pos = end;
}

function readResourceField(field: number, reading: Reading, fields: Fields): void {
  if (field === 1) readAttribute(reading, resourceNames, fields);
}

function readRecordField(field: number, reading: Reading, record: LogRecord): void {
  if (field === 6) readAttribute(reading, recordNames, record.fields);
  else if (field === 1) record.timeMs = readFixed64(reading) / nsPerMs;
  else if (field === 11) record.observedMs = readFixed64(reading) / nsPerMs;
  else if (field === 12) record.eventName = readText(reading);
}

function readScopeField(field: number, reading: Reading, resource: Fields): void {
  if (field !== 2) return;
  reading.countPart();
  const record: LogRecord = { eventName: '', timeMs: 0, observedMs: 0, fields: [], resource };
  eachField(reading, enter(reading), record, readRecordField);
  finishRecord(record);
  reading.records.push(record);
}

/** The resource may come after its records: they share one object. */
function readResourceLogsField(field: number, reading: Reading, resource: Fields): void {
  if (field === 1) eachField(reading, enter(reading), resource, readResourceField);
  else if (field === 2) {
    reading.countPart();
    eachField(reading, enter(reading), resource, readScopeField);
  }
}

function readRequestField(field: number, reading: Reading): void {
  if (field !== 1) return;
  reading.countPart();
  eachField<Fields>(reading, enter(reading), [], readResourceLogsField);
}

/** Throws MalformedLogs for anything that is not such a message, to the last byte. */
export function decodeProtobuf(body: Buffer): LogRecord[] {
  const reading: Reading = {
    pbf: new PbfReader(body),
    bytes: body,
    records: [],
    keys: new Map(),
    countPart: countUpTo(logLimits.partsMax, 'records'),
    countValue: countUpTo(logLimits.valuesMax, 'values in lists and maps'),
  };
  try {
    eachField(reading, body.length, undefined, readRequestField);
  } catch (error) {
    if (error instanceof MalformedLogs) throw error;
    // The reader's own complaints: a varint of more than ten bytes, a fixed number cut off, an unknown type.
    throw new MalformedLogs((error as Error).message, { cause: error });
  }
  return reading.records;
}
