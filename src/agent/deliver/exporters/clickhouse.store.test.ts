/** The clickhouse exporter on the embedded engine: what is inserted again is there once. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { createClient } from '@clickhouse/client';
import { certificate } from '../../../../test/certificates.ts';
import { realRecords } from '../../../../test/record-schemas.ts';
import { openEngine, type Engine } from '../../../hub/engine/engine.ts';
import { decodeProtobuf } from '../../../hub/receive/protobuf.ts';
import { schemaText } from '../../../hub/store/schema.ts';
import { openStore, type Store } from '../../../hub/store/store.ts';
import { systemClock, type Clock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { blockTables, type Row } from '../../../model/block.ts';
import { logRecordOf } from '../../../model/row/record.ts';
import { filledColumns, rowMaker } from '../../../model/row/rows.ts';
import type { OpenExporter } from '../exporter.ts';
import { encodeRequest } from '../otlp/logs.ts';
import { exporter } from './clickhouse.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-clickhouse-'));
const passwordFile = join(folder, 'password');
let engine: Engine;
let store: Store;

before(async () => {
  engine = await openEngine({ folder, memoryMaxBytes: 1e9, log: silentLog, clock: systemClock });
  writeFileSync(passwordFile, `${engine.hub.password}\n`);
  store = await openTables('sonde');
});
after(async () => {
  await store[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const real = realRecords();
const window = real.find((record) => record['event.name'] === 'sonde.window')!;
/** A moment after these records. */
const nowMs = Date.parse(window.time) + 1000;
const clock: Clock = { ...systemClock, wallMs: () => nowMs };

/** All kinds, of a host of its own for each test. */
function recordsOf(host: string): NumberedRecord[] {
  const own = { 'host.name': host, 'boot.id': host, time: window.time };
  return real.map((record) => ({ ...record, ...own }));
}

/** As they come next from the same agent. */
function later(records: readonly NumberedRecord[], count: number): NumberedRecord[] {
  const flow = records.find((record) => record['event.name'] === 'sonde.flow')!;
  const last = Math.max(...records.map((record) => record['record.sequence']));
  return Array.from({ length: count }, (_, i) => ({ ...flow, 'record.sequence': last + 1 + i }));
}

function openTables(database: string): Promise<Store> {
  const { url, hub } = engine;
  return openStore({ url, database, hub, ask: hub, clock });
}

async function open(t: TestContext, options: Record<string, unknown> = {}): Promise<OpenExporter> {
  const login = { username: engine.hub.username, password_file: passwordFile };
  const parsed = exporter.schema.parse({ endpoint: engine.url, interval: '0s', ...login, ...options });
  const opened = await exporter.open(parsed, { clock, log: silentLog });
  t.after(() => opened[Symbol.asyncDispose]());
  return opened;
}

const patience = (): AbortSignal => AbortSignal.timeout(60_000);

async function ask(query: string, { admin }: Store = store): Promise<Record<string, unknown>[]> {
  return (await admin.query({ query, format: 'JSONEachRow' })).json();
}

async function counts(host: string, of: Store = store): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const table of Object.keys(store.tables)) {
    const [row] = await ask(`SELECT count() AS count FROM ${table} WHERE host_name = '${host}'`, of);
    found.push([table, Number(row?.['count'])]);
  }
  return Object.fromEntries(found);
}

const kinds = (kind: string): number => real.filter(({ 'event.name': of }) => of === `sonde.${kind}`).length;
const each = {
  flows: kinds('flow'),
  connection_events: kinds('connection'),
  dns: kinds('dns'),
  listeners: kinds('listener'),
  addresses: kinds('address'),
  windows: kinds('window'),
};

/** What the rows say, and what was made of them. */
async function sums(host: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const table of ['flows', 'flows_1m', 'flows_1h']) {
    const [row] = await ask(`SELECT sum(connections_ended) AS sum FROM ${table} WHERE host_name = '${host}'`);
    found.push(row?.['sum']);
  }
  return found;
}

describe('rows in ClickHouse', () => {
  test('every kind of record has its table; the same again is there once', async (t) => {
    const records = recordsOf('again');
    const to = await open(t);
    for (let times = 0; times < 3; times++) {
      const receipt = await to.deliver(records, patience());
      assert.deepEqual([receipt.settled, receipt.refused?.count], [records.length, 0]);
      assert.deepEqual(await counts('again'), each);
    }
    const [raw, ...rollups] = await sums('again');
    assert.ok(Number(raw) > 0);
    assert.deepEqual(rollups, [raw, raw]);
    assert.equal((await ask("SELECT * FROM nodes_now WHERE host_name = 'again'")).length, 1);
  });

  test('the next agent gives some again, in other batches', async (t) => {
    const records = recordsOf('killed');
    await (await open(t)).deliver(records, patience());
    const next = await open(t);
    await next.deliver([...records, ...later(records, 3)].slice(1), patience());
    await next.deliver(later(records, 5).slice(1), patience());
    assert.deepEqual(await counts('killed'), { ...each, flows: each.flows + 5 });
  });

  test('they are what a hub would have made of these records', () => {
    const observedMs = nowMs;
    const records = recordsOf('same');
    const hubRow = rowMaker(store.tables);
    const told = decodeProtobuf(
      Buffer.from(encodeRequest(records, { protocol: 'http/protobuf', names: 'otel', observedMs })),
    );
    const named = (columns: readonly string[], row: Row) =>
      Object.fromEntries(columns.map((column, i) => [column, row[i]]));
    const hub = told.map((record) => hubRow(record, { nowMs }));
    const own = records.map((record) => rowMaker(filledColumns)(logRecordOf(record), { nowMs }));
    assert.deepEqual(
      own.map(({ table, row }) => [table, named(filledColumns[table], row)]),
      hub.map(({ table, row }) => [table, named(store.tables[table], row)]),
    );
  });
});

type Fault = (response: ServerResponse, upstream: IncomingMessage) => void;

/** Stands before the engine; what it does with the next answers. With TLS where it has a certificate. */
async function proxy(t: TestContext, faults: Fault[], tls?: ServerOptions): Promise<string> {
  const server = tls ? createTlsServer(tls) : createServer();
  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    const { method, headers, url } = incoming;
    const upstream = request(new URL(url!, engine.url), { method, headers }, (answer) => {
      const isInsert = decodeURIComponent(url!).includes('INSERT');
      const fault = isInsert ? faults.shift() : undefined;
      if (fault) {
        answer.resume();
        answer.on('end', () => fault(response, answer));
      } else {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }
    });
    upstream.on('error', () => response.destroy());
    incoming.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${tls ? 'https' : 'http'}://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

describe('a ClickHouse that', () => {
  test('has inserted, and its answer was lost', async (t) => {
    const records = recordsOf('lost');
    const faults: Fault[] = [(response) => response.destroy(), (response) => response.destroy()];
    const to = await open(t, { endpoint: await proxy(t, faults) });
    await assert.rejects(to.deliver(records, patience()));
    await assert.rejects(to.deliver(records, patience()));
    assert.equal((await to.deliver(records, patience())).settled, records.length);
    assert.equal(faults.length, 0);
    assert.deepEqual(await counts('lost'), each);
    const [raw, ...rollups] = await sums('lost');
    assert.deepEqual(rollups, [raw, raw]);
  });

  test('asks for a certificate, and gets one', async (t) => {
    const authority = certificate(folder, 'authority');
    const [own, client] = [certificate(folder, 'server', authority), certificate(folder, 'agent', authority)];
    const [key, cert, ca] = [own.key, own.cert, authority.cert].map((file) => readFileSync(file));
    const endpoint = await proxy(t, [], { key, cert, ca, requestCert: true });
    const records = recordsOf('tls');
    const ca_file = authority.cert;
    await assert.rejects((await open(t, { endpoint, tls: { ca_file } })).deliver(records, patience()));
    assert.equal((await counts('tls'))['flows'], 0);
    const tls = { ca_file, cert_file: client.cert, key_file: client.key };
    await (await open(t, { endpoint, tls })).deliver(records, patience());
    assert.deepEqual(await counts('tls'), each);
  });

  test('does not answer', async (t) => {
    const records = recordsOf('mute');
    const to = await open(t, { endpoint: await proxy(t, [() => undefined]) });
    await assert.rejects(to.deliver(records, AbortSignal.timeout(500)), { name: 'TimeoutError' });
    await to.deliver(records, patience());
    assert.deepEqual(await counts('mute'), each);
  });

  test('has no tables, or older ones: says which, and takes all once they are there', async (t) => {
    const records = recordsOf('empty');
    await store.admin.command({ query: 'CREATE DATABASE empty' });
    const to = await open(t, { database: 'empty' });
    const tables = blockTables.join(', ');
    await assert.rejects(to.deliver(records, patience()), { message: new RegExp(`no table ${tables} `) });
    const [, , ...statements] = schemaText('empty').split('\n;\n');
    const database = createClient({ ...engine.hub, url: engine.url, database: 'empty' });
    t.after(() => database.close());
    for (const query of statements.filter((text) => text.trim() !== '')) await database.command({ query });
    await using own = await openTables('empty');
    await own.admin.command({ query: 'ALTER TABLE windows DROP COLUMN budget_step' });
    await assert.rejects(to.deliver(records, patience()), {
      message: /lacks windows\.budget_step: .* older/,
    });
    await own.admin.command({ query: 'ALTER TABLE windows ADD COLUMN budget_step String' });
    await to.deliver(records, patience());
    assert.deepEqual(await counts('empty', own), each);
  });

  test('lets this user only read', async (t) => {
    const file = join(folder, 'ask');
    writeFileSync(file, engine.ask.password);
    const to = await open(t, { username: engine.ask.username, password_file: file });
    const denied = { message: /^ClickHouse answers (READONLY|ACCESS_DENIED) \(\d+\): / };
    await assert.rejects(to.deliver(recordsOf('denied'), patience()), denied);
  });
});

test('a record that no table takes is refused alone', async (t) => {
  const records = recordsOf('old');
  const to = await open(t);
  const [old] = later(records, 1);
  const long = { ...old!, 'window.start': '2020-01-01T00:00:00.000Z' } as NumberedRecord;
  const receipt = await to.deliver([...records, long], patience());
  assert.equal(receipt.settled, records.length + 1);
  assert.equal(receipt.refused?.count, 1);
  assert.match(receipt.refused.message, /^time: window\.start 2020-01-01\S+ is too old$/);
  assert.deepEqual(await counts('old'), each);
});
