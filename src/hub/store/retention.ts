/**
 * How long each level is kept. Changed values are brought to the tables at start; ClickHouse does the rest.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { connect } from './connect.ts';
import type { StoreUser } from './connect.ts';
import { localTable } from './migrate.ts';
import type { Cluster, MigrationPlace } from './migrate.ts';
import { statement } from './statement.ts';

export interface Retention {
  /** Windows and flows as they came. */
  readonly flowsMs: number;
  readonly minutesMs: number;
  readonly hoursMs: number;
  readonly eventsMs: number;
}

export interface KeptTable {
  readonly table: string;
  readonly time: 'window_start' | 'time';
  readonly level: keyof Retention;
}

export const keptTables: readonly KeptTable[] = [
  { table: 'flows', time: 'window_start', level: 'flowsMs' },
  { table: 'flows_1m', time: 'window_start', level: 'minutesMs' },
  { table: 'flows_1h', time: 'window_start', level: 'hoursMs' },
  { table: 'names_1h', time: 'window_start', level: 'hoursMs' },
  { table: 'dns', time: 'window_start', level: 'flowsMs' },
  { table: 'dns_1m', time: 'window_start', level: 'minutesMs' },
  { table: 'dns_1h', time: 'window_start', level: 'hoursMs' },
  { table: 'windows', time: 'window_start', level: 'flowsMs' },
  { table: 'windows_1m', time: 'window_start', level: 'minutesMs' },
  { table: 'windows_1h', time: 'window_start', level: 'hoursMs' },
  { table: 'connection_events', time: 'time', level: 'eventsMs' },
  { table: 'listeners', time: 'time', level: 'eventsMs' },
  // Of keys that are not seen any more, nothing stays.
  { table: 'detector_state', time: 'time', level: 'minutesMs' },
  { table: 'findings', time: 'time', level: 'hoursMs' },
  { table: 'deliveries', time: 'time', level: 'hoursMs' },
  { table: 'addresses', time: 'time', level: 'hoursMs' },
];

/** Whole minutes of a range that windows answer are taken from their sums: those are kept as long, at least. */
function keptMs(level: keyof Retention, retention: Retention): number {
  return level === 'minutesMs' ? Math.max(retention.minutesMs, retention.flowsMs) : retention[level];
}

const readTtl = statement('table-ttl');
const modifyTtl = statement('modify-ttl');

async function applyToNode(client: ClickHouseClient, retention: Retention, cluster?: Cluster): Promise<void> {
  for (const { table: name, time, level } of keptTables) {
    const table = localTable(name, cluster);
    const seconds = String(Math.round(keptMs(level, retention) / 1000));
    const answer = await client.query({ query: readTtl, query_params: { table }, format: 'JSONEachRow' });
    const [found] = await answer.json<{ seconds: string }>();
    if (found?.seconds === seconds) continue;
    // A typed parameter would become part of the stored expression, cast and all.
    const query = modifyTtl
      .replace('{table:Table}', table)
      .replace('{time:Column}', time)
      .replace('{seconds:Number}', seconds);
    await client.command({ query });
  }
}

export async function applyRetention(
  place: MigrationPlace & { readonly hub: StoreUser },
  retention: Retention,
): Promise<void> {
  for (const url of place.cluster?.urls ?? [place.url]) {
    await using client = connect({ url, database: place.database }, place.hub);
    await applyToNode(client, retention, place.cluster);
  }
}
