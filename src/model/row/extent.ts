/** Where a block's rows are: which nodes, which times, which sequences. */
import type { Row, TableColumns, TableName } from '../block.ts';

/** What tells a record from every other one (docs/internals/architecture.md). */
export const identityColumns = ['boot_id', 'agent_instance', 'record_sequence'] as const;

export const timeColumns: Readonly<Record<TableName, string>> = {
  flows: 'window_start',
  connection_events: 'time',
  dns: 'window_start',
  windows: 'window_start',
  listeners: 'time',
  addresses: 'time',
};

export interface Extent {
  readonly hosts: readonly string[];
  /** Unix time; [from, to). */
  readonly fromMs: number;
  readonly toMs: number;
  readonly sequenceFirst: string;
  readonly sequenceLast: string;
}

export function identityOf(row: Row, columns: readonly string[]): string {
  return identityColumns.map((column) => String(row[columns.indexOf(column)])).join('\0');
}

export function extentOf(
  rows: readonly Row[],
  { table, columns }: { table: TableName; columns: TableColumns[TableName] },
): Extent {
  const [host, time, sequence] = ['host_name', timeColumns[table], 'record_sequence'].map((column) =>
    columns.indexOf(column),
  ) as [number, number, number];
  const hosts = new Set<string>();
  let [fromMs, toMs] = [Infinity, -Infinity];
  let [first, last] = [2n ** 64n, 0n];
  for (const row of rows) {
    hosts.add(String(row[host]));
    const timeMs = Date.parse(String(row[time]));
    fromMs = Math.min(fromMs, timeMs);
    toMs = Math.max(toMs, timeMs + 1);
    const number = BigInt(row[sequence] as string | number);
    if (number < first) first = number;
    if (number > last) last = number;
  }
  return {
    hosts: [...hosts],
    fromMs,
    toMs,
    sequenceFirst: String(first),
    sequenceLast: String(last),
  };
}

export const hourMs = 3_600_000;

/** The same, widened to whole hours: what the rollups are made of. */
export function wholeHours({ hosts, fromMs, toMs }: Extent): Pick<Extent, 'hosts' | 'fromMs' | 'toMs'> {
  return {
    hosts,
    fromMs: Math.floor(fromMs / hourMs) * hourMs,
    toMs: Math.ceil(toMs / hourMs) * hourMs,
  };
}
