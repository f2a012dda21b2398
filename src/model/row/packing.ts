/**
 * Rows as the store takes them: written once, when they are received; the journal keeps these bytes, and
 * ClickHouse is sent the same. Whoever wants to look into them reads them back.
 */

import { blockTables, type Packed, type PackedRows, type Row } from '../block.ts';
import type { StoreBlock, TableColumns, TableName } from '../block.ts';
import { cellType, extend, openSink, writeCount, writeText, type CellType, type Sink } from './binary.ts';

/** Of a table: names of its columns and ClickHouse's types of them, in order. */
export interface TypedColumn {
  readonly name: string;
  readonly type: string;
}
export type TypedTables = Readonly<Partial<Record<TableName, readonly TypedColumn[]>>>;

/** Rows by table, not packed. */
export type PlainRows = Readonly<Partial<Record<TableName, readonly Row[]>>>;

export interface Packing {
  readonly tables: TableColumns;
  /** Throws where a cell is none of its column. */
  append(sink: Sink, table: TableName, row: Row): void;
  pack(table: TableName, rows: readonly Row[]): PackedRows;
  packTables(rows: PlainRows): StoreBlock['rows'];
  /** The same as rows that can be read. */
  open(table: TableName, packed: Packed): PackedRows;
  /** What goes before the rows of an insert (RowBinaryWithNamesAndTypes): ClickHouse compares it with its own. */
  head(table: TableName, columns: number): Buffer;
}

const sinkBytes = 1024;

function headOf(columns: readonly TypedColumn[]): Buffer {
  const sink = openSink(sinkBytes);
  writeCount(sink, columns.length);
  for (const { name } of columns) writeText(sink, name);
  for (const { type } of columns) writeText(sink, type);
  return sink.bytes.subarray(0, sink.length);
}

function* readRows(types: readonly CellType[], { columns, length, bytes }: Packed): Generator<Row> {
  const source = { bytes, at: 0 };
  const cells = types.slice(0, columns);
  for (let n = 0; n < length; n++) yield cells.map(({ read }) => read(source));
}

export function openPacking(typed: TypedTables): Packing {
  const columnsOf = (table: TableName): readonly TypedColumn[] => typed[table] ?? [];
  const byTable = <T>(of: (columns: readonly TypedColumn[]) => T): Readonly<Record<TableName, T>> =>
    Object.fromEntries(blockTables.map((table) => [table, of(columnsOf(table))])) as Record<TableName, T>;
  const types = byTable((columns) => columns.map(({ type }) => cellType(type)));

  function append(sink: Sink, table: TableName, row: Row): void {
    const cells = types[table];
    for (let n = 0; n < row.length; n++) cells[n]?.write(sink, row[n]);
  }

  const open: Packing['open'] = (table, packed) => ({
    ...packed,
    [Symbol.iterator]: () => readRows(types[table], packed),
  });

  function pack(table: TableName, rows: readonly Row[]): PackedRows {
    const sink = openSink(sinkBytes);
    for (const row of rows) append(sink, table, row);
    const bytes = sink.bytes.subarray(0, sink.length);
    return open(table, { columns: rows[0]?.length ?? 0, length: rows.length, bytes });
  }

  return {
    tables: byTable((columns) => columns.map(({ name }) => name)),
    append,
    open,
    pack,
    packTables: (plain) =>
      Object.fromEntries(
        (Object.entries(plain) as [TableName, readonly Row[]][]).map(([table, rows]) => [
          table,
          pack(table, rows),
        ]),
      ),
    head: (table, columns) => headOf(columnsOf(table).slice(0, columns)),
  };
}

/** Adds what another sink has from … end. */
export function copyInto(sink: Sink, from: Sink, [begin, end]: readonly [number, number]): void {
  const at = extend(sink, end - begin);
  from.bytes.copy(sink.bytes, at, begin, end);
}
