/**
 * Cells in ClickHouse's RowBinary, type by type. A cell is what JSON has of it: a time is RFC 3339 text, a
 * map an object. null is what a type has where nothing is said, or NULL where it may be that.
 */

/** Bytes that grow; what is beyond `length` is not written yet. */
export interface Sink {
  bytes: Buffer;
  view: DataView;
  length: number;
}

/** Where bytes are read. */
export interface Source {
  readonly bytes: Buffer;
  at: number;
}

export interface CellType {
  /** Throws RangeError, SyntaxError or TypeError for a cell that the type does not have. */
  readonly write: (sink: Sink, cell: unknown) => void;
  readonly read: (source: Source) => unknown;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function openSink(bytes: number): Sink {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return { bytes: buffer, view: viewOf(buffer), length: 0 };
}

/** Bytes that nobody reads any more, and that share their memory with no others: not for the collector to find. */
export function freeBytes({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Room for so many bytes: where they begin. They count as written. */
export function extend(sink: Sink, bytes: number): number {
  const at = sink.length;
  sink.length = at + bytes;
  if (sink.length > sink.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * sink.bytes.length, sink.length));
    sink.bytes.copy(larger, 0, 0, at);
    freeBytes(sink.bytes);
    sink.bytes = larger;
    sink.view = viewOf(larger);
  }
  return at;
}

function writeByte(sink: Sink, value: number): void {
  const at = extend(sink, 1); // first: the bytes may be others then
  sink.bytes[at] = value;
}

const wordSize = 2 ** 32;
/** Texts of so many characters are written by hand: a call to do it takes longer. */
const handwrittenMax = 40;

export function writeCount(sink: Sink, count: number): void {
  let rest = count;
  while (rest > 0x7f) {
    writeByte(sink, (rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  writeByte(sink, rest);
}

function readCount(source: Source): number {
  const { bytes } = source;
  for (let count = 0, factor = 1; ; factor *= 128) {
    const byte = bytes.readUInt8(source.at++);
    count += (byte & 0x7f) * factor;
    if (byte < 0x80) return count;
  }
}

/** False where it is not all ASCII; then nothing is written. */
function writeShort(sink: Sink, text: string): boolean {
  const { length } = text;
  const at = extend(sink, 1 + length);
  const { bytes } = sink;
  bytes[at] = length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      sink.length = at;
      return false;
    }
    bytes[at + 1 + i] = code;
  }
  return true;
}

export function writeText(sink: Sink, cell: unknown): void {
  const text = cell ?? '';
  if (typeof text !== 'string') throw new TypeError(`${typeof text} where text belongs`);
  if (text.length <= handwrittenMax && writeShort(sink, text)) return;
  const length = Buffer.byteLength(text);
  writeCount(sink, length);
  const at = extend(sink, length);
  sink.bytes.write(text, at, length, 'utf8');
}

function readText(source: Source): string {
  const length = readCount(source);
  const from = source.at;
  source.at += length;
  return source.bytes.toString('utf8', from, source.at);
}

/** Whole numbers up to `max`, which fits into 32 bits. */
function wholeNumber(cell: unknown, max: number): number {
  const value = Number(cell ?? 0);
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${String(cell)} is not a whole number up to ${max}`);
}

function writeUint64(sink: Sink, cell: unknown): void {
  const value = Number(cell ?? 0);
  const at = extend(sink, 8);
  if (Number.isSafeInteger(value) && value >= 0) {
    sink.view.setUint32(at, value % wordSize, true);
    sink.view.setUint32(at + 4, value / wordSize, true);
  } else {
    const exact = BigInt(cell as string);
    if (exact < 0n || exact >= 2n ** 64n) throw new RangeError(`${exact} does not fit into 64 bits`);
    sink.view.setBigUint64(at, exact, true);
  }
}

function readUint64(source: Source): number | string {
  const value = source.bytes.readUInt32LE(source.at) + source.bytes.readUInt32LE(source.at + 4) * wordSize;
  const exact = Number.isSafeInteger(value) ? value : String(source.bytes.readBigUInt64LE(source.at));
  source.at += 8;
  return exact;
}

const integers: Readonly<Record<string, CellType>> = {
  UInt16: {
    write: (sink, cell) => {
      const value = wholeNumber(cell, 2 ** 16 - 1);
      const at = extend(sink, 2);
      sink.view.setUint16(at, value, true);
    },
    read: (source) => source.bytes.readUInt16LE((source.at += 2) - 2),
  },
  UInt32: {
    write: (sink, cell) => {
      const value = wholeNumber(cell, wordSize - 1);
      const at = extend(sink, 4);
      sink.view.setUint32(at, value, true);
    },
    read: (source) => source.bytes.readUInt32LE((source.at += 4) - 4),
  },
  UInt64: { write: writeUint64, read: readUint64 },
  Int64: {
    write: (sink, cell) => {
      const value = BigInt((cell ?? 0) as number);
      const at = extend(sink, 8);
      sink.view.setBigInt64(at, value, true);
    },
    read: (source) => Number(source.bytes.readBigInt64LE((source.at += 8) - 8)),
  },
};

/** Most rows have the times of one window: the last text of each column is remembered. */
function time(): CellType {
  let [last, lastMs] = ['', NaN];
  return {
    write: (sink, cell) => {
      if (cell !== last) {
        const text = (cell ?? '1970-01-01T00:00:00Z') as string;
        const ms = Date.parse(text);
        if (Number.isNaN(ms)) throw new RangeError(`${text} is no time`);
        [last, lastMs] = [text, ms];
      }
      const at = extend(sink, 8);
      sink.view.setUint32(at, lastMs % wordSize, true);
      sink.view.setInt32(at + 4, Math.floor(lastMs / wordSize), true);
    },
    read: (source) => new Date(Number(source.bytes.readBigInt64LE((source.at += 8) - 8))).toISOString(),
  };
}

const plain: Readonly<Record<string, () => CellType>> = {
  ...Object.fromEntries(Object.entries(integers).map(([name, type]) => [name, () => type])),
  String: () => ({ write: writeText, read: readText }),
  Bool: () => ({
    write: (sink, cell) => writeByte(sink, cell === true ? 1 : 0),
    read: (source) => source.bytes[source.at++] === 1,
  }),
  Float64: () => ({
    write: (sink, cell) => {
      const value = Number(cell ?? 0);
      const at = extend(sink, 8);
      sink.view.setFloat64(at, Number.isFinite(value) ? value : 0, true); // sums of others would be none
    },
    read: (source) => source.bytes.readDoubleLE((source.at += 8) - 8),
  }),
  "DateTime64(3, 'UTC')": time,
};

function nullable({ write, read }: CellType): CellType {
  return {
    write: (sink, cell) => {
      const isNull = cell === null || cell === undefined;
      writeByte(sink, isNull ? 1 : 0);
      if (!isNull) write(sink, cell);
    },
    read: (source) => (source.bytes[source.at++] === 1 ? null : read(source)),
  };
}

function array({ write, read }: CellType): CellType {
  return {
    write: (sink, cell) => {
      const items = (cell ?? []) as readonly unknown[];
      writeCount(sink, items.length);
      for (const item of items) write(sink, item);
    },
    read: (source) => Array.from({ length: readCount(source) }, () => read(source)),
  };
}

function map(key: CellType, value: CellType): CellType {
  return {
    write: (sink, cell) => {
      const of = (cell ?? {}) as Readonly<Record<string, unknown>>;
      const keys = Object.keys(of);
      writeCount(sink, keys.length);
      for (const name of keys) {
        key.write(sink, name);
        value.write(sink, of[name]);
      }
    },
    read: (source) => {
      const length = readCount(source);
      return Object.fromEntries(
        Array.from({ length }, (): [string, unknown] => [String(key.read(source)), value.read(source)]),
      );
    },
  };
}

/** By the name that ClickHouse has for it; each column has its own. */
export function cellType(name: string): CellType {
  const [, outer = '', inner = ''] = /^(LowCardinality|Nullable|Array|Map)\((.*)\)$/.exec(name) ?? [];
  if (outer === 'LowCardinality') return cellType(inner);
  if (outer === 'Nullable') return nullable(cellType(inner));
  if (outer === 'Array') return array(cellType(inner));
  if (outer === 'Map') {
    const [key = '', value = ''] = inner.split(', '); // no type of a key has a comma
    return map(cellType(key), cellType(value));
  }
  const type = plain[name];
  if (!type) throw new Error(`no way to write ${name}`);
  return type();
}
