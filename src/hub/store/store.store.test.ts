/** The store on the embedded engine: one block is stored once, and its rollups are its sums. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openEngines, type Engines } from '../../../test/engines.ts';
import { systemClock } from '../../lib/clock.ts';
import type { TableName } from '../../model/block.ts';
import { readMigrations, readTables } from './migrations.ts';
import { openStore, packing } from './store.ts';
import type { Store, StoreOptions } from './store.ts';

let engines: Engines;
let store: Store;

before(async () => {
  engines = await openEngines();
  store = await openStore(engines.place);
});

after(async () => {
  await store[Symbol.asyncDispose]();
  await engines[Symbol.asyncDispose]();
});

async function rowsOf(query: string): Promise<unknown[]> {
  const answer = await store.ask.query({ query, format: 'JSONEachRow' });
  return answer.json();
}

function row(table: keyof Store['tables'], values: Readonly<Record<string, unknown>>): unknown[] {
  return store.tables[table].map((column) => values[column] ?? null);
}

const retention = {
  flowsMs: 3 * 86_400_000,
  minutesMs: 30 * 86_400_000,
  hoursMs: 400 * 86_400_000,
  eventsMs: 1e7,
};

async function ttlOf(table: string): Promise<unknown> {
  const where = `database = 'kept' AND name = '${engines.local(table)}'`;
  const query = `SELECT create_table_query AS sql FROM system.tables WHERE ${where}`;
  const answer = await store.admin.query({ query, format: 'JSONEachRow' });
  const [row] = await answer.json<{ sql: string }>();
  return /TTL (.*) SETTINGS/.exec(row?.sql ?? '')?.[1];
}

async function open(options: Partial<StoreOptions>): Promise<Store> {
  return openStore({ ...engines.place, ...options });
}

describe('the store', () => {
  test('brings a changed retention to its tables', async () => {
    await using first = await open({ database: 'kept', retention });
    assert.equal(await ttlOf('flows'), 'toDateTime(window_start) + toIntervalSecond(259200)');
    assert.equal(await ttlOf('connection_events'), 'toDateTime(time) + toIntervalSecond(10000)');
    await using second = await open({ database: 'kept', retention: { ...retention, flowsMs: 3_600_000 } });
    assert.equal(await ttlOf('flows'), 'toDateTime(window_start) + toIntervalSecond(3600)');
    assert.ok((await first.ready()) && (await second.ready()));
  });

  test('leaves alone what a later version has written', async () => {
    await using later = await open({ database: 'later' });
    await later.admin.command({ query: "INSERT INTO migrations (number, name) VALUES (9999, 'later')" });
    await assert.rejects(open({ database: 'later' }), { code: 'store.newer' });
  });

  test('goes on where a hub was killed between a migration and the note of it', async () => {
    for (const noted of [0, 3]) {
      await using first = await open({ database: 'cut' });
      await first.admin.command({ query: `DELETE FROM migrations WHERE number > ${noted}` });
      await using again = await open({ database: 'cut' });
      assert.ok(await again.ready());
    }
  });

  test('has the columns that it says', async () => {
    for (const [table, columns] of Object.entries(store.tables)) {
      const answer = await store.admin.query({ query: `DESCRIBE TABLE ${table}`, format: 'JSONEachRow' });
      const described = await answer.json<{ name: string; type: string }>();
      assert.deepEqual(
        columns,
        described.map(({ name }) => name),
      );
      const typed = described.map(({ name, type }) => ({ name, type }));
      assert.deepEqual(typed, readTables(readMigrations())[table as TableName]);
    }
  });

  test('has each cell as it was received', async () => {
    const cells: Readonly<Record<string, unknown>> = {
      record_sequence: 7,
      boot_id: 'cells',
      time: '2026-03-01T10:00:10.123Z',
      host_name: 'wéb-1',
      process_name: 'a\0"\n',
      process_command_line: 'x'.repeat(4096),
      user_id: 4_294_967_295,
      labels: { team: 'pay', '': 'é' },
      enrichment_missing: ['kubernetes', ''],
      source_port: 65_535,
      process_start: '1999-12-31T23:59:59.999Z',
      bytes_sent: 9_007_199_254_740_991,
      connection_adopted: true,
      latency_ms: 0.1,
      rtt_ms: null,
    };
    const connection_events = [row('connection_events', cells)];
    await store.insert({ id: 'cells', rows: packing.packTables({ connection_events }), fresh: true });
    const answer = await store.ask.query({
      query: `SELECT ${Object.keys(cells).join(', ')} FROM connection_events WHERE boot_id = 'cells'`,
      format: 'JSONEachRow',
      clickhouse_settings: { date_time_output_format: 'iso' },
    });
    const [stored = {}] = await answer.json<Record<string, unknown>>();
    assert.deepEqual({ ...stored, bytes_sent: Number(stored['bytes_sent']) }, cells);
  });

  test('a block is stored once, and summed up once', async () => {
    const flow = (sequence: number) =>
      row('flows', {
        record_sequence: sequence,
        boot_id: 'boot',
        agent_instance: 'main',
        window_start: '2026-03-01T10:00:10.000Z',
        window_end: '2026-03-01T10:00:20.000Z',
        host_name: 'web-1',
        user_id: 7,
        connection_established: true,
        latency_histogram: { 1000: 2, 2000: 1 },
        connections_opened: 3,
        segments_sent: 5,
        rtt_min_ms: sequence === 3 ? null : sequence / 4,
        app_waiting_ms: sequence * 100,
      });
    const block = { id: 'b1', rows: packing.packTables({ flows: [flow(1), flow(2), flow(3)] }) };
    await store.insert(block);
    await store.insert(block);
    const sums = [
      'sum(connections_opened) AS opened, sumMap(latency_histogram) AS histogram',
      'sum(segments_sent) AS segments, min(rtt_min_ms) AS quickest, max(app_waiting_ms) AS longest',
    ].join(', ');
    for (const table of ['flows', 'flows_1m', 'flows_1h']) {
      const [sum] = await rowsOf(`SELECT ${sums} FROM ${table}`);
      const histogram = { 1000: 6, 2000: 3 };
      assert.deepEqual(sum, { opened: 9, histogram, segments: 15, quickest: 0.25, longest: 300 }, table);
    }
  });

  test('DNS lookups too, and they are summed up', async () => {
    const lookups = (sequence: number, name: string) =>
      row('dns', {
        record_sequence: sequence,
        boot_id: 'boot',
        agent_instance: 'main',
        window_start: '2026-03-01T10:00:10.000Z',
        window_end: '2026-03-01T10:00:20.000Z',
        host_name: 'web-1',
        dns_question_name: name,
        dns_rcode: 'NXDOMAIN',
        latency_histogram: { 1000: 2 },
        dns_lookups: 3,
        dns_attempts: 4,
        dns_answers: ['192.0.2.1'],
      });
    const dns = [lookups(1, 'a'), lookups(2, 'a'), lookups(3, 'b')];
    const block = { id: 'b2', rows: packing.packTables({ dns }) };
    await store.insert(block);
    await store.insert(block);
    const sums = 'sum(dns_lookups) AS lookups, sum(dns_attempts) AS attempts';
    for (const table of ['dns', 'dns_1m', 'dns_1h']) {
      const query = `SELECT dns_question_name AS name, ${sums} FROM ${table} GROUP BY name ORDER BY name`;
      const expected = [
        { name: 'a', lookups: 6, attempts: 8 },
        { name: 'b', lookups: 3, attempts: 4 },
      ];
      assert.deepEqual(await rowsOf(query), expected, table);
    }
  });

  test('says which blocks it refuses for good, and which may pass', async () => {
    const values = { time: '2026-03-02T10:00:10.000Z', host_name: 'web-1' };
    const insert = (into: Store, port: number) => {
      const connection_events = [
        row('connection_events', { ...values, record_sequence: port, source_port: port }),
      ];
      return into.insert({ id: `port-${port}`, rows: packing.packTables({ connection_events }) });
    };
    const alter = (of: Store, change: string, table = engines.local('connection_events')) =>
      of.admin.command({ query: `ALTER TABLE ${table} ${change}` });
    await using strict = await open({ database: 'strict' });
    await alter(strict, 'ADD CONSTRAINT low CHECK source_port < 1000');
    await assert.rejects(insert(strict, 2000), { name: 'BlockRefused' });
    await insert(strict, 20);
    await alter(strict, 'MODIFY COLUMN source_port UInt32', 'connection_events');
    await assert.rejects(insert(strict, 21), { name: 'BlockRefused', message: /source_port.*UInt32/ });
    await using gone = await open({ database: 'gone' });
    await gone.admin.command({ query: 'DROP TABLE connection_events' });
    await assert.rejects(insert(gone, 20), { type: 'UNKNOWN_TABLE' });
    await insert(store, 2000);
  });

  test('a replayed block older than the retention is summed up once', async () => {
    const old = new Date(systemClock.wallMs() - 6 * 86_400_000).toISOString();
    const flow = (sequence: number, time: string) =>
      row('flows', {
        record_sequence: sequence,
        boot_id: 'boot',
        agent_instance: 'main',
        window_start: time,
        window_end: time,
        host_name: 'web-1',
        latency_histogram: {},
        connections_opened: 1,
      });
    await using short = await open({ database: 'short', retention });
    const now = new Date(systemClock.wallMs()).toISOString();
    const flows = [flow(1, old), flow(2, old), flow(3, now)];
    const block = { id: 'b1', rows: packing.packTables({ flows }) };
    for (let times = 0; times < 3; times++) await short.insert(block);
    for (const table of ['flows_1m', 'flows_1h']) {
      const query = `SELECT sum(connections_opened) AS opened FROM short.${table}`;
      const answer = await short.admin.query({ query, format: 'JSONEachRow' });
      assert.deepEqual(await answer.json(), [{ opened: 3 }], table);
    }
  });
});
