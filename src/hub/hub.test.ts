import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PbfReader } from 'pbf';
import { nobodyAsks } from '../../test/nobody-asks.ts';
import {
  connection,
  dnsLookups,
  flow,
  listener,
  ownAddress,
  logsRequest,
  plainWire,
  windowEnd,
  wires,
  type Posted,
  type Wire,
} from '../../test/otlp.ts';
import { endMs, type FlatRecord } from '../../test/otlp.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { isOperatorError, OperatorError } from '../lib/errors.ts';
import { silentLog } from '../lib/log.ts';
import { prng } from '../lib/prng.ts';
import type { PackedRows, StoreBlock, TableName } from '../model/block.ts';
import { parseHubConfig } from './config.ts';
import { openHub, type Backend, type Hub, type HubOptions } from './hub.ts';
import { packing, tables } from './store/store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clock: Clock = { ...systemClock, wallMs: () => endMs };

/** Keeps rows by table, as columns. */
function memoryBackend() {
  const rows: Record<TableName, Record<string, unknown>[]> = {
    flows: [],
    connection_events: [],
    dns: [],
    windows: [],
    listeners: [],
    addresses: [],
  };
  const backend: Backend = {
    kind: 'memory',
    expectations: { list: () => ({ expectations: [], problem: null }) },
    exports: { rows: () => Promise.reject(new Error('not asked for here')) },
    detect: {
      findings: () => Promise.resolve([]),
      summary: () => Promise.resolve({ detectors: {}, deliveries: {} }),
    },
    ask: nobodyAsks,
    insert: (block: StoreBlock) => {
      for (const [table, of] of Object.entries(block.rows) as [TableName, PackedRows][]) {
        for (const row of of) {
          rows[table].push(Object.fromEntries(tables[table].map((column, n) => [column, row[n]])));
        }
      }
      return Promise.resolve();
    },
    ready: () => Promise.resolve(true),
    version: () => Promise.resolve('1'),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { rows, backend };
}

const open = (options: Partial<HubOptions> & { limits?: object } = {}): Promise<Hub> =>
  openHub({
    config: parseHubConfig({ listen: '127.0.0.1:0', limits: options.limits }, 'the test'),
    journalFolder: folder,
    webFolder: join(folder, 'none'),
    packing,
    connect: () => Promise.resolve(memoryBackend().backend),
    clock,
    log: silentLog,
    ...options,
  });

function post(hub: Hub, { body, headers }: Posted): Promise<Response> {
  return fetch(`${hub.url}/v1/logs`, { method: 'POST', body: new Uint8Array(body), headers });
}

const send = (hub: Hub, records: readonly FlatRecord[], wire: Wire = plainWire): Promise<Response> =>
  post(hub, logsRequest(records, wire));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** A flat message: numbers, and bytes of all else. */
function readFields(bytes: Uint8Array): Record<number, Buffer | number> {
  return new PbfReader(bytes).readFields<Record<number, Buffer | number>>((field, into, pbf) => {
    into[field] = pbf.type === 2 ? Buffer.from(pbf.readBytes()) : pbf.readVarint();
  }, {});
}

test('a second hub of the same folder or address ends without a look at the store', async () => {
  await using hub = await open();
  await hub.connected;
  let looks = 0;
  const connect = () => {
    looks++;
    return Promise.reject(new Error('not here'));
  };
  const codeOf = (options: Partial<HubOptions>) =>
    open({ connect, ...options }).then(
      () => assert.fail('it runs'),
      (error: unknown) => (isOperatorError(error) ? error.code : String(error)),
    );
  assert.equal(await codeOf({}), 'hub.already_running');
  const config = parseHubConfig({ listen: new URL(hub.url).host }, 'the test');
  assert.equal(await codeOf({ config, journalFolder: join(folder, 'second') }), 'hub.cannot_listen');
  assert.equal(looks, 0);
});

test('every encoding, names and compression arrives as the same rows', async () => {
  const { rows, backend } = memoryBackend();
  await using hub = await open({ connect: () => Promise.resolve(backend) });
  for (const [n, wire] of wires.entries()) {
    const instance = { 'agent.instance': `i${n}` };
    const answer = await send(
      hub,
      [
        flow(1, instance),
        connection(2, instance),
        dnsLookups(3, instance),
        listener(4, instance),
        windowEnd(5, instance),
        ownAddress(6, instance),
      ],
      wire,
    );
    assert.equal(answer.status, 200);
    const type = wire.encoding === 'json' ? 'application/json' : 'application/x-protobuf';
    assert.equal(answer.headers.get('content-type'), type);
    assert.equal(await answer.text(), wire.encoding === 'json' ? '{}' : '');
  }
  await until(() => rows.windows.length === wires.length);
  for (const of of Object.values(rows)) {
    const same = of.map(({ agent_instance: _, ...row }) => row);
    for (const row of same) assert.deepEqual(row, same[0]);
    assert.equal(same.length, wires.length);
  }
});

test('a relay that batches anew, reorders, repeats and loses answers changes nothing', async () => {
  const { rows, backend } = memoryBackend();
  await using hub = await open({ connect: () => Promise.resolve(backend) });
  const random = prng(5);
  const all = Array.from({ length: 300 }, (_, n) => flow(n + 1, { 'agent.instance': `i${n % 3}` }));
  const queue = [...all];
  const relays = Array.from({ length: 4 }, async () => {
    while (queue.length > 0) {
      const from = random.below(queue.length);
      const batch = queue.splice(from, 1 + random.below(12));
      if (random.below(3) === 0) batch.push(...all.slice(random.below(290)).slice(0, 5));
      const wire = wires[random.below(wires.length)] ?? plainWire;
      assert.equal((await send(hub, batch, wire)).status, 200);
      if (random.below(4) === 0) queue.push(...batch); // it never heard the answer
    }
  });
  await Promise.all(relays);
  await until(() => rows.flows.length >= all.length);
  const stored = rows.flows.map(
    (row) => `${String(row['agent_instance'])} ${String(row['record_sequence'])}`,
  );
  assert.equal(stored.length, all.length);
  assert.equal(new Set(stored).size, all.length);
});

describe('what is wrong is said in the encoding of the request', () => {
  const bad = [flow(1), flow(2, { 'destination.port': -1 })];

  test('partial success', async () => {
    await using hub = await open();
    const said = '1 records rejected (bounds 1); the first: sonde.flow: destination.port is -1, ';
    const json = await send(hub, bad, { ...plainWire, encoding: 'json' });
    const { partialSuccess } = (await json.json()) as { partialSuccess: Record<string, string> };
    assert.equal(partialSuccess['rejectedLogRecords'], '1');
    assert.ok(partialSuccess['errorMessage']?.startsWith(said));
    const protobuf = readFields(await (await send(hub, bad)).bytes());
    const inner = readFields(protobuf[1] as Buffer);
    assert.equal(inner[1], 1);
    assert.ok(String(inner[2]).startsWith(said));
  });

  test('a request that cannot be read', async () => {
    await using hub = await open();
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await post(hub, { body: Buffer.from([255]), headers });
    assert.equal(answer.status, 400);
    const status = readFields(await answer.bytes());
    assert.equal(status[1], 3);
    assert.match(String(status[2]), /^the request cannot be read/);
    const json = await post(hub, { body: Buffer.from('{'), headers: { 'content-type': 'application/json' } });
    assert.equal(json.status, 400);
    const { code, message, what_to_do } = (await json.json()) as Record<string, unknown>;
    assert.equal(code, 3);
    assert.match(String(message), /^the request cannot be read \(not JSON\); correct the sender/);
    assert.match(String(what_to_do), /^correct the sender/);
  });

  test('a bomb, another content encoding, another content type', async () => {
    await using hub = await open({ limits: { inflated: '64KiB' } });
    const many = Array.from({ length: 3000 }, (_, n) => flow(n));
    for (const compression of ['gzip', 'zstd'] as const) {
      const request = logsRequest(many, { ...plainWire, compression });
      assert.ok(request.body.length < 60_000);
      assert.equal((await post(hub, request)).status, 413);
    }
    const { body, headers } = logsRequest([flow(1)], plainWire);
    assert.equal((await post(hub, { body, headers: { ...headers, 'content-encoding': 'br' } })).status, 415);
    assert.equal((await post(hub, { body, headers: { 'content-type': 'text/plain' } })).status, 415);
    assert.equal((await hub.status()).records.stored, 0);
  });
});

test('full, it answers 429 with Retry-After, and takes again when the store does', async () => {
  const { rows, backend } = memoryBackend();
  let isAway = true;
  const insert: Backend['insert'] = (block) =>
    isAway ? Promise.reject(new Error('away')) : backend.insert(block);
  await using hub = await open({
    connect: () => Promise.resolve({ ...backend, insert }),
    limits: { journal: '1MiB' },
  });
  const random = prng(1);
  const noise = () => Array.from({ length: 1000 }, () => random.below(36).toString(36)).join('');
  let sent = 0;
  let answer: Response;
  do {
    const batch = Array.from({ length: 200 }, () => flow(++sent, { 'process.name': noise() }));
    answer = await send(hub, batch);
    if (answer.status !== 200) sent -= batch.length;
  } while (answer.status === 200);
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get('retry-after'), '5');
  assert.equal((await fetch(`${hub.url}/readyz`)).status, 503);
  isAway = false;
  await until(async () => (await hub.status()).journal.pendingBlocks === 0);
  assert.equal((await fetch(`${hub.url}/readyz`)).status, 200);
  assert.equal((await send(hub, [flow(++sent)])).status, 200);
  await until(() => rows.flows.length === sent);
});

describe('the store', () => {
  test('that opens late: records are taken before, questions are answered after', async () => {
    const { rows, backend } = memoryBackend();
    const gate = Promise.withResolvers<Backend>();
    await using hub = await open({ connect: () => gate.promise });
    assert.equal((await fetch(`${hub.url}/readyz`)).status, 503);
    assert.equal((await fetch(`${hub.url}/api/v1/questions`)).status, 503);
    assert.equal((await send(hub, [flow(1)])).status, 200);
    assert.equal((await hub.status()).store.ready, false);
    gate.resolve(backend);
    await until(() => rows.flows.length === 1);
    assert.equal((await fetch(`${hub.url}/api/v1/questions`)).status, 200);
  });

  test('that does not open is tried again', async () => {
    let tries = 0;
    const { backend } = memoryBackend();
    await using hub = await open({
      connect: () => (++tries < 3 ? Promise.reject(new Error('refused')) : Promise.resolve(backend)),
    });
    await hub.connected;
    assert.equal(tries, 3);
  });

  test('that can never open ends the hub', async () => {
    const error = new OperatorError('engine.no_program', { machine: 'arm64' });
    await using hub = await open({ connect: () => Promise.reject(error) });
    await assert.rejects(hub.connected, error);
  });
});
