/** Exports on the embedded engine: all rows of a range and no others, in files that it reads back. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { openEngines, type Engines } from '../../../test/engines.ts';
import { systemClock } from '../../lib/clock.ts';
import { exportTables } from '../../question/export.ts';
import { openStore, type Store } from '../store/store.ts';
import { exportLimits, openExports, type Exports } from './export.ts';

const folder = await mkdtemp(join(tmpdir(), 'sonde-export-'));
const { signal } = new AbortController();
let engines: Engines;
let store: Store;
let exports: Exports;

/** A second apart, the newest now; every other of another host. */
const filled = 20_000;

before(async () => {
  engines = await openEngines();
  store = await openStore(engines.place);
  exports = openExports({
    client: store.ask,
    cancel: (queryId) => store.cancel(queryId),
    clock: systemClock,
  });
  await store.admin.command({
    query: `INSERT INTO flows (window_start, window_end, host_name, environment, destination_ip,
      connections_opened, latency_histogram, labels)
      SELECT now64(3, 'UTC') - toIntervalSecond(number) AS start, start + 10,
      if(number % 2 = 0, 'n0', 'n1'), 'lab', toString(number), number, map(1024, 2),
      map('tier', 'gold\t"1"') FROM numbers({filled:UInt32})`,
    query_params: { filled },
  });
});

after(async () => {
  await store[Symbol.asyncDispose]();
  await engines[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function lines(table: string, query: Readonly<Record<string, string>> = {}): Promise<unknown[]> {
  const { stream, type } = await exports.rows(table, { query, signal });
  assert.equal(type, 'application/x-ndjson');
  const all = (await text(stream)).split('\n').filter((line) => line !== '');
  return all.map((line) => JSON.parse(line) as unknown);
}

async function readBack<Row>(query: string, file: string): Promise<Row[]> {
  const params = { query, query_params: { file }, format: 'JSONEachRow' } as const;
  return (await store.admin.query(params)).json<Row>();
}

describe('an export', () => {
  test('has all rows of the range and scope, and their values', async () => {
    const day = await lines('flows', { since: '1d' });
    assert.equal(day.length, filled);
    const row = day.find((each) => (each as { destination_ip: string }).destination_ip === '7') as object;
    assert.deepEqual(
      { ...row, window_start: '', window_end: '' },
      {
        ...row,
        window_start: '',
        window_end: '',
        host_name: 'n1',
        connections_opened: 7,
        environment: 'lab',
      },
    );
    assert.deepEqual((row as { labels: unknown }).labels, { tier: 'gold\t"1"' });
    assert.equal((await lines('flows', { since: '1d', host: 'n0' })).length, filled / 2);
    assert.equal((await lines('flows', { since: '1d', environment: 'other' })).length, 0);
    const hour = (await lines('flows')).length;
    assert.ok(hour > 3000 && hour <= 3600, `${hour}`);
  });

  test('as Parquet is read back the same, row by row and column by column', async () => {
    const file = join(folder, 'flows.parquet');
    const to = new Date(systemClock.wallMs() - 60_000).toISOString();
    const from = new Date(systemClock.wallMs() - 86_400_000).toISOString();
    const asking = { query: { from, to, format: 'parquet' }, signal };
    const { stream, type } = await exports.rows('flows', asking);
    assert.equal(type, 'application/vnd.apache.parquet');
    await pipeline(stream, createWriteStream(file));
    const [found] = await readBack<Record<string, string>>(
      `SELECT count() AS n, sum(connections_opened) AS opened, min(latency_histogram[1024]) AS bucket,
        any(labels['tier']) AS tier, toTypeName(any(window_start)) AS time
        FROM file({file:String}, Parquet)`,
      file,
    );
    const [stored] = await readBack<Record<string, string>>(
      `SELECT count() AS n, sum(connections_opened) AS opened FROM flows
        WHERE window_start < parseDateTime64BestEffort({file:String}, 3, 'UTC')`,
      to,
    );
    assert.deepEqual([found?.['n'], found?.['opened']], [stored?.['n'], stored?.['opened']]);
    assert.deepEqual([Number(found?.['bucket']), found?.['tier']], [2, 'gold\t"1"']);
    assert.match(found?.['time'] ?? '', /DateTime64\(3, 'UTC'\)/);
  });

  test('there is one of every table that it is said of, in both formats', async () => {
    for (const table of Object.keys(exportTables)) {
      for (const format of ['ndjson', 'parquet']) {
        const { stream } = await exports.rows(table, { query: { since: '1d', format }, signal });
        const bytes = (await text(stream)).length;
        assert.ok(format === 'ndjson' || bytes > 0, `${table} ${format}`);
      }
    }
    const tables = await readBack<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = 'sonde' AND engine LIKE '%MergeTree'",
      '',
    );
    const others = [
      'migrations',
      'nodes',
      'detector_state',
      'findings',
      'deliveries',
      'dropped',
      'expectations',
      'names_1h',
    ];
    const names = tables.map(({ name }) => name.replace(/_local$/, ''));
    const kept = names.filter((name) => !others.includes(name));
    assert.deepEqual(kept.sort(), Object.keys(exportTables).sort());
  });

  test('of what there is not, and with what it does not take', async () => {
    const code = async (table: string, query: Readonly<Record<string, string>>): Promise<string> =>
      exports.rows(table, { query, signal }).then(
        () => 'it was taken',
        (error: unknown) => (error as Error).message,
      );
    assert.equal(await code('migrations', {}), 'there is no table migrations to export');
    assert.equal(await code('toString', {}), 'there is no table toString to export');
    assert.equal(await code('flows', { format: 'xml' }), 'export: format must be ndjson or parquet; got xml');
    assert.equal(
      await code('flows', { since: '1x' }),
      'export: since must be a duration such as 15m; got 1x',
    );
    assert.match(await code('flows', { limit: '5' }), /^export: limit is no parameter/);
  });

  test('waits for its turn, and gives it back when whoever read has gone', async () => {
    const gone = new AbortController();
    const begin = () => exports.rows('flows', { query: { since: '1d' }, signal: gone.signal });
    const running = await Promise.all(Array.from({ length: exportLimits.runningMax }, begin));
    const ended = running.map(({ stream }) => once(stream, 'close').catch(() => 'aborted'));
    const next = lines('flows', { since: '1d', host: 'n1' });
    gone.abort();
    await Promise.all(ended);
    assert.equal((await next).length, filled / 2);
  });

  test('breaks off with an error when the engine dies', async () => {
    // Far more than what sockets hold.
    await store.admin.command({
      query: `INSERT INTO flows
        SELECT f.* REPLACE ('n2' AS host_name) FROM flows AS f CROSS JOIN numbers(10) AS n`,
    });
    const { stream } = await exports.rows('flows', { query: { since: '1d', host: 'n2' }, signal });
    await once(stream, 'readable');
    process.kill(engines.all[0]?.pid() ?? assert.fail('no engine'), 'SIGKILL');
    await assert.rejects(text(stream));
  });
});
