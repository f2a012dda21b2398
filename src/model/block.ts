/** What the hub's receiving side hands to its store. */

/** Tables that are written; the others are made from them. */
export const blockTables = [
  'flows',
  'connection_events',
  'dns',
  'listeners',
  'addresses',
  'windows',
] as const;
export type TableName = (typeof blockTables)[number];

/** In the order of the table's columns. */
export type Row = readonly unknown[];

/** Rows of one table, one after the other in ClickHouse's RowBinary. */
export interface Packed {
  /** Rows of an earlier version have fewer of them: what was appended since gets its default. */
  readonly columns: number;
  readonly length: number;
  readonly bytes: Buffer;
}

/** They are read back as somebody looks at them. */
export interface PackedRows extends Packed, Iterable<Row> {}

/** Stored once, however often it is handed over under this id, as long as its rows stay the same. */
export interface StoreBlock {
  readonly id: string;
  readonly rows: Readonly<Partial<Record<TableName, PackedRows>>>;
  /**
   * This block was never handed to a store before, by no process: then nothing has to be compared. Left out
   * where it might have been, as when a journal is replayed.
   */
  readonly fresh?: true;
}

/** The columns of each table, in order. A later version may append some, and never changes the others. */
export type TableColumns = Readonly<Record<TableName, readonly string[]>>;

/** What a store will never take, however often it is handed over: the fault is in rows of it. */
export class BlockRefused extends Error {
  override readonly name = 'BlockRefused';
}
