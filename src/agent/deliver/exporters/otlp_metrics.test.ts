/** Metrics to receivers over HTTP and gRPC: what arrives is what Prometheus would have scraped. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { certificate } from '../../../../test/certificates.ts';
import { grpcReceiver, type GrpcReceiver } from '../../../../test/grpc-receiver.ts';
import { curl, lookup, row } from '../../../../test/observations.ts';
import { readMetricsRequest, sumOf, type ReadPoint } from '../../../../test/otlp-points.ts';
import { eventually } from '../../../../test/rig.ts';
import { folderOf, sending } from '../../../../test/sending.ts';
import { standing } from '../../../../test/standing.ts';
import { toldWindows, type Windows } from '../../../../test/told-windows.ts';
import { systemClock } from '../../../lib/clock.ts';
import { bucketOfUs } from '../../../model/latency.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { resourceOf } from '../../../model/rendering.ts';
import { loadExporter, type OpenExporter } from '../exporter.ts';
import { newCounting } from '../metrics/counting.ts';
import { rowKinds, rowMetrics, windowMetrics } from '../metrics/metrics.ts';
import { countingOptions } from '../metrics/options.ts';
import { otelNameOf } from '../otlp/naming.ts';
import { exposition } from '../prometheus/text.ts';
import { exporter } from './otlp_metrics.ts';

const patienceMs = 30_000;
const never = new AbortController().signal;

interface Opened {
  readonly open: OpenExporter;
  readonly lines: string[];
}

async function opened(t: TestContext, options: Record<string, unknown>): Promise<Opened> {
  const lines: string[] = [];
  const log = {
    info: (line: string) => void lines.push(line),
    warn: (line: string) => void lines.push(line),
  };
  const metrics = await loadExporter('otlp_metrics');
  const parsed = metrics.schema.parse({ interval: '100ms', ...options });
  const of = await metrics.open(parsed, { clock: systemClock, log, vitals: () => standing });
  t.after(() => of[Symbol.asyncDispose]());
  return { open: of, lines };
}

const grpc = (port: number, scheme = 'http'): Record<string, unknown> => ({
  protocol: 'grpc',
  endpoint: `${scheme}://127.0.0.1:${String(port)}`,
});

async function start(
  t: TestContext,
  options: Record<string, unknown> = {},
): Promise<Opened & { to: GrpcReceiver }> {
  const to = grpcReceiver(t);
  return { ...(await opened(t, { ...grpc(await to.listen()), ...options })), to };
}

function window(windows: Windows, opens: number): NumberedRecord[] {
  const latency = [{ bucket: bucketOfUs(900), count: opens }];
  const named = (name: string) => ({ ...curl, 'process.name': name });
  return windows.close(
    [
      row({ latency, sums: { opened: opens, ended: 1, established: opens, open: 2, bytesSent: 77 } }),
      row({ state: 'refused', sums: { opened: 1, ended: 1 } }, named('wget')),
    ],
    { lookups: [lookup({ lookups: 2, attempts: 3 })], losses: { 'kernel.events_ring_full': opens } },
  );
}

const opens = (points: readonly ReadPoint[] | undefined) => sumOf(points ?? [], 'sonde.connections.opened');

/** By metric, the sum over what Prometheus would scrape: of a histogram or a summary the count. */
function scraped(records: readonly NumberedRecord[]): Map<string, number> {
  const counting = newCounting(countingOptions(exporter.schema.parse({})), systemClock);
  for (const record of records) counting.add(record);
  const lines = exposition({ tables: counting.tables, live: [] }, 'text').split('\n');
  const sums = new Map<string, number>();
  for (const line of lines) {
    const [, name, value] = /^(\w+?)(?:_count)?(?:\{.*\})? ([\d.e+-]+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

const families = [...rowKinds.flatMap((kind) => rowMetrics[kind]), ...windowMetrics];

function assertSame(points: readonly ReadPoint[], records: readonly NumberedRecord[]): void {
  const expected = scraped(records);
  const told = families.map((family) => [family.name, sumOf(points, otelNameOf(family).name)] as const);
  assert.deepEqual(
    told,
    families.map(({ name }) => [name, expected.get(name) ?? 0]),
  );
  assert.ok(told.filter(([, sum]) => sum > 0).length > 10);
}

/** Requests to an HTTP receiver. */
async function httpReceiver(t: TestContext, answers: number[] = []) {
  const exports: ReadPoint[][] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      assert.equal(request.url, '/v1/metrics');
      const answer = answers.shift() ?? 200;
      if (answer === 200) exports.push(readMetricsRequest(gunzipSync(Buffer.concat(chunks))));
      response.writeHead(answer).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { exports, endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` };
}

describe('what arrives', () => {
  test('over HTTP is what Prometheus would scrape', async (t) => {
    const { exports, endpoint } = await httpReceiver(t);
    const { open } = await opened(t, { endpoint });
    const windows = toldWindows();
    const records = [...window(windows, 3), ...window(windows, 4)];
    assert.deepEqual(await open.deliver(records, never), { settled: records.length, bytes: 0 });
    assert.ok(await eventually(() => opens(exports.at(-1)) === 9, patienceMs));
    assertSame(exports.at(-1)!, records);
  });

  test('over gRPC too, under the resource of logs, and what comes twice counted once', async (t) => {
    const { to, open } = await start(t);
    const windows = toldWindows();
    const records = [...window(windows, 3), ...window(windows, 4)];
    await open.deliver(records.slice(0, 3), never);
    await open.deliver(records, never);
    assert.ok(await eventually(() => opens(to.exports.at(-1)) === 9, patienceMs));
    const points = to.exports.at(-1)!;
    assertSame(points, records);
    const resource = Object.entries(points[0]!.resource).map(([name, value]) => [name, value[1]]);
    assert.deepEqual(Object.fromEntries(resource), resourceOf(records.at(-1)!));
    const [counting] = points.filter(({ name }) => name === 'sonde.counting');
    assert.deepEqual(counting?.value, ['int', 1]);
  });

  test('comes in requests that are not too large, each point once', async (t) => {
    const { to, open } = await start(t, { batch: '1kB', compression: 'none', interval: '1h' });
    const records = window(toldWindows(), 3);
    await open.deliver(records, never);
    await open[Symbol.asyncDispose]();
    assert.ok(to.exports.length > 3);
    assertSame(to.exports.flat(), records);
    const keys = to.exports.flat().map(({ name, attributes }) => JSON.stringify([name, attributes]));
    assert.equal(new Set(keys).size, keys.length);
  });

  test('quiet: before a window has ended nobody knows whose it is', async (t) => {
    const { to, open } = await start(t, { interval: '1h' });
    await open.deliver(window(toldWindows(), 3).slice(0, 1), never);
    await open[Symbol.asyncDispose]();
    assert.deepEqual(to.exports, []);
  });
});

describe('a receiver of metrics that', () => {
  test('is unavailable for a while: the totals are right, and nothing was counted twice', async (t) => {
    const { to, open, lines } = await start(t);
    const busy = { code: status.UNAVAILABLE, details: 'busy' };
    to.next.push(busy, busy, { ...busy, retryAfterMs: 1 });
    const windows = toldWindows();
    const [first, second] = [window(windows, 3), window(windows, 4)];
    await open.deliver(first, never);
    assert.ok(await eventually(() => to.next.length < 3, patienceMs));
    assert.ok(await eventually(() => open.problem?.() !== null, patienceMs));
    assert.match(open.problem?.() ?? '', /the receiver answers UNAVAILABLE busy/);
    await open.deliver(second, never);
    assert.ok(await eventually(() => opens(to.exports.at(-1)) === 9, patienceMs));
    assertSame(to.exports.at(-1)!, [...first, ...second]);
    assert.ok(await eventually(() => open.problem?.() === null, patienceMs));
    assert.match(lines[0]!, /^exporter otlp_metrics: .* busy; nothing is lost, the next export tells all/);
    assert.match(lines[1]!, /^exporter otlp_metrics exports again$/);
  });

  test('answers 503 and 404 over HTTP: the same', async (t) => {
    const { exports, endpoint } = await httpReceiver(t, [503, 404]);
    const { open, lines } = await opened(t, { endpoint });
    const records = window(toldWindows(), 3);
    await open.deliver(records, never);
    assert.ok(await eventually(() => opens(exports.at(-1)) === 4, patienceMs));
    assertSame(exports.at(-1)!, records);
    assert.match(lines[0]!, /the receiver answers 503; nothing is lost/);
  });

  test('rejects some points: told, and not sent again before the next export', async (t) => {
    const { to, open, lines } = await start(t);
    to.next.push({ message: Buffer.from([0x0a, 0x07, 0x08, 0x02, 0x12, 0x03, ...Buffer.from('old')]) });
    await open.deliver(window(toldWindows(), 3), never);
    assert.ok(await eventually(() => lines.length === 2, patienceMs));
    assert.match(lines[0]!, /2 data points rejected: old; the next export tells them again/);
    assert.match(lines[1]!, /exports again/);
  });

  test('does not answer', async (t) => {
    const { to, open, lines } = await start(t, { timeout: '200ms' });
    to.next.push('nothing');
    await open.deliver(window(toldWindows(), 3), never);
    assert.ok(await eventually(() => opens(to.exports.at(-1)) === 4, patienceMs));
    assert.match(lines[0]!, /no answer within 200 ms/);
  });

  test('asks for a certificate, and gets one', async (t) => {
    const folder = folderOf(t);
    const authority = certificate(folder, 'authority');
    const [own, client] = [certificate(folder, 'server', authority), certificate(folder, 'agent', authority)];
    const to = grpcReceiver(t);
    const pair = { private_key: readFileSync(own.key), cert_chain: readFileSync(own.cert) };
    const port = await to.listen(ServerCredentials.createSsl(readFileSync(authority.cert), [pair], true));
    const tls = { ca_file: authority.cert, cert_file: client.cert, key_file: client.key };
    const { open } = await opened(t, { ...grpc(port, 'https'), tls });
    await open.deliver(window(toldWindows(), 3), never);
    assert.ok(await eventually(() => opens(to.exports.at(-1)) === 4, patienceMs));
  });
});

describe('behind a delivery', () => {
  test('records wait for nobody, and the status says what is wrong', async (t) => {
    const { delivery, done } = await sending(t, 'otlp_metrics', {
      endpoint: 'http://127.0.0.1:1',
      interval: '100ms',
    });
    const [closing, ...rows] = window(toldWindows(), 3).reverse();
    assert.ok(closing?.['event.name'] === 'sonde.window');
    await delivery.commit({ records: rows as never, closing, state: {} });
    await done();
    const problem = () => delivery.status()['otlp_metrics']?.lastError ?? null;
    assert.ok(await eventually(() => problem() !== null, patienceMs));
    assert.match(problem()!, /ECONNREFUSED/);
    assert.deepEqual(delivery.losses(), {});
  });

  test('the last export is that of the end', async (t) => {
    const { to, open } = await start(t, { interval: '1h' });
    const records = window(toldWindows(), 3);
    await open.deliver(records, never);
    await open[Symbol.asyncDispose]();
    assert.equal(to.exports.length, 1);
    assertSame(to.exports[0]!, records);
  });
});
