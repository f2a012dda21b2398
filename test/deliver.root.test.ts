/** Delivery by a real agent in a process of its own: to a receiver, to a file, to somebody who stopped reading. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import type { NumberedRecord } from '../src/model/record.ts';
import { grpcReceiver } from './grpc-receiver.ts';
import { sumOf } from './otlp-points.ts';
import { readLogsRequest, type ReadRecord } from './otlp-reader.ts';
import { recognised, rendered } from '../src/model/rendering.ts';
import { faultsOf } from './record-schemas.ts';
import { eventually } from './rig.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
interface EcsLine {
  readonly 'event.dataset': string;
}

const patienceMs = 60_000;

interface Running {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly path: string;
}

/** Starts an agent with these exporters; `path` is a file for jsonl. */
async function startAgent(t: TestContext, exporters: (path: string) => unknown): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-deliver-'));
  const path = join(folder, 'records.jsonl');
  const config = join(folder, 'agent.yaml');
  const settings = { window: '500ms', profile: 'full', spool: { drain: '2s' }, exporters: exporters(path) };
  writeFileSync(config, JSON.stringify(settings));
  const child = spawn(sonde, ['agent', '--config', config], {
    env: { ...process.env, SONDE_RUN: folder, SONDE_STATE: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await once(child, 'spawn');
  return { child, folder, path };
}

function lines(path: string): NumberedRecord[] {
  const text = readFileSync(path, 'utf8');
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as NumberedRecord);
}

/** A connection that is refused. */
function knock(): Promise<void> {
  return new Promise((resolve) => {
    connect(1, '127.0.0.1').once('error', () => {
      resolve();
    });
  });
}

async function stop({ child }: Running): Promise<void> {
  const closed = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await closed, [0, null]);
}

test('a receiver gets what the file gets, also what waited for it; own connections say so', async (t) => {
  const received: ReadRecord[] = [];
  let refusals = 3;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (refusals-- > 0) {
        response.writeHead(503).end();
        return;
      }
      received.push(...readLogsRequest(gunzipSync(Buffer.concat(chunks))));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const running = await startAgent(t, (path) => ({
    jsonl: { path },
    otlp: { endpoint: `http://127.0.0.1:${String(port)}` },
  }));
  const isWindow = ({ eventName }: ReadRecord) => eventName === 'sonde.window';
  assert.ok(await eventually(() => received.filter(isWindow).length >= 3, patienceMs), 'windows arrive');
  for (let n = 0; n < 5; n++) await knock();
  await stop(running);
  server.closeAllConnections();

  const written = lines(running.path);
  assert.deepEqual(
    received.map((r) => r.attributes['record.sequence']?.[1]),
    written.map((r) => r['record.sequence']),
  );
  assert.equal((written.at(-1) as { 'window.last'?: true })['window.last'], true);
  const own = written.filter(
    (r) => r['event.name'] === 'sonde.flow' && r['destination.port'] === port && r.direction === 'egress',
  );
  assert.ok(own.length > 0, 'the agent tells of its own connection');
  const workload = (r: unknown) => (r as { 'workload.name'?: string })['workload.name'];
  for (const r of own) assert.equal(workload(r), 'sonde');
  const others = written.filter((r) => r['event.name'] === 'sonde.connection' && r['destination.port'] === 1);
  assert.ok(others.length >= 5, `${String(others.length)} of 5 refused connections are told`);
  for (const r of others) assert.notEqual(workload(r), 'sonde');
});

test('metrics over gRPC have what the file has, all of it with the last export', async (t) => {
  const to = grpcReceiver(t);
  const endpoint = `http://127.0.0.1:${String(await to.listen())}`;
  to.next.push({ code: status.UNAVAILABLE, details: 'starting' });
  const running = await startAgent(t, (path) => ({
    jsonl: { path },
    otlp: { endpoint, protocol: 'grpc' },
    otlp_metrics: { endpoint, protocol: 'grpc', interval: '200ms', series_max: 100_000 },
  }));
  assert.ok(await eventually(() => to.exports.length > 0, patienceMs), 'metrics arrive');
  for (let n = 0; n < 5; n++) await knock();
  await stop(running);
  const written = lines(running.path);
  assert.deepEqual(
    to.records.map((r) => r.attributes['record.sequence']?.[1]),
    written.map((r) => r['record.sequence']),
  );
  const points = to.exports.at(-1)!;
  const flows = written.filter((r) => r['event.name'] === 'sonde.flow');
  for (const [field, metric] of [
    ['connections.opened', 'sonde.connections.opened'],
    ['connections.ended', 'sonde.connections.ended'],
    ['bytes.sent', 'sonde.sent.bytes'],
  ] as const)
    assert.equal(
      sumOf(points, metric),
      flows.reduce((sum, flow) => sum + flow[field], 0),
      metric,
    );
  assert.ok(sumOf(points, 'sonde.connections.ended') >= 5);
  const windows = written.filter((r) => r['event.name'] === 'sonde.window').length;
  assert.equal(sumOf(points, 'sonde.windows'), windows);
});

test('what it writes under ECS names keeps to the schemas, there and back under the others', async (t) => {
  const listener = createServer().listen(0, '127.0.0.1'); // of which there may be no other
  await once(listener, 'listening');
  t.after(() => listener.close());
  const running = await startAgent(t, (path) => ({ jsonl: { path, names: 'ecs' } }));
  const told = () => (existsSync(running.path) ? lines(running.path) : []) as unknown as EcsLine[];
  const kinds = () => new Set(told().map((line) => line['event.dataset']));
  assert.ok(await eventually(() => kinds().has('sonde.window'), patienceMs), 'windows are written');
  for (let n = 0; n < 5; n++) await knock();
  const wanted = ['sonde.connection', 'sonde.flow', 'sonde.listener', 'sonde.window'];
  assert.ok(
    await eventually(() => wanted.every((kind) => kinds().has(kind)), patienceMs),
    'all kinds are written',
  );
  await stop(running);
  for (const line of told()) {
    assert.deepEqual(faultsOf(line, 'ecs'), [], JSON.stringify(line));
    const record = recognised(line)?.record as NumberedRecord | undefined;
    assert.ok(record);
    for (const names of ['canonical', 'otel'] as const)
      assert.deepEqual(faultsOf(rendered(record, names), names), [], JSON.stringify(record));
    assert.deepEqual(rendered(record, 'ecs'), line);
  }
});

test('nobody reads its standard output: windows go on, and so does the end', async (t) => {
  const running = await startAgent(t, (path) => ({
    jsonl: { path: '-' },
    otlp: { endpoint: `http://127.0.0.1:1/${path}` },
  }));
  running.child.stdout!.pause();
  const stopping = new AbortController();
  t.after(() => {
    stopping.abort(); // also when the test fails: nothing knocks on
  });
  const load = (async () => {
    while (!stopping.signal.aborted) await knock();
  })();
  const askStatus = () => {
    const status = spawn(sonde, ['status', '--json'], { env: { ...process.env, SONDE_RUN: running.folder } });
    let text = '';
    status.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return once(status, 'close').then(() => (text === '' ? null : (JSON.parse(text) as Status)));
  };
  interface Status {
    readonly lastWindow: { readonly 'window.number': number } | null;
    readonly exporters: Record<string, { readonly behindRecords: number; readonly lastError: string | null }>;
  }
  let status: Status | null = null;
  const isBehind = () =>
    (status?.exporters['jsonl']?.behindRecords ?? 0) > 1000 &&
    status?.exporters['otlp']?.lastError !== null &&
    status?.lastWindow !== null;
  for (let tries = 0; tries < 100 && !isBehind(); tries++) status = await askStatus();
  assert.ok(isBehind(), JSON.stringify(status?.exporters));
  const before = status!.lastWindow!['window.number'];
  for (let tries = 0; tries < 100 && status!.lastWindow!['window.number'] < before + 3; tries++)
    status = await askStatus();
  assert.ok(status!.lastWindow!['window.number'] >= before + 3, 'windows go on');
  stopping.abort();
  await load;
  await stop(running);
});
