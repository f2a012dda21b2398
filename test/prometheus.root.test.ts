/** A real Prometheus scrapes a real agent: its sums are those of the agent's own records. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/hub/engine/engine.ts';
import type { FlowRecord, SondeRecord, WindowRecord } from '../src/model/record.ts';
import { startRig } from './rig.ts';

const triesMax = 600;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

interface Prometheus {
  /** Undefined where it does not answer yet. */
  api(path: string): Promise<unknown>;
  query(text: string, time?: number): Promise<readonly Sample[]>;
}

async function startPrometheus(t: TestContext, target: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-prometheus-'));
  const job = { job_name: 'sonde', scrape_interval: '250ms', scrape_timeout: '250ms' };
  const config = { scrape_configs: [{ ...job, static_configs: [{ targets: [target] }] }] };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const origin = `127.0.0.1:${String(await freePort())}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${origin}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  t.after(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await once(child, 'spawn');
  async function api(path: string): Promise<unknown> {
    const answer = await fetch(`http://${origin}/api/v1/${path}`).catch(() => undefined);
    if (answer?.status !== 200) return undefined;
    return ((await answer.json()) as { readonly data: unknown }).data;
  }
  return {
    api,
    async query(text, time) {
      const at = time === undefined ? '' : `&time=${String(time)}`;
      const data = await api(`query?query=${encodeURIComponent(text)}${at}`);
      return (data as { readonly result: readonly Sample[] } | undefined)?.result ?? [];
    },
  };
}

/** One connection, to its end. */
function knock(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1').resume();
    socket.once('error', () => undefined); // refused
    socket.once('close', () => {
      resolve();
    });
  });
}

/** Connections that are served, and some that are refused; on loopback. */
async function traffic(count: number): Promise<void> {
  const server = createServer((socket) => socket.end('x'.repeat(1000))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let n = 0; n < count; n++) {
    await knock(port);
    if (n % 4 === 0) await knock(1);
  }
  server.close();
  await once(server, 'close');
}

/** What was written up to the end of so many windows. */
function flowsOf(records: readonly SondeRecord[], windows: number): FlowRecord[] {
  const ends = records.flatMap((record, i) => (record['event.name'] === 'sonde.window' ? [i] : []));
  return records.slice(0, ends[windows - 1]).filter((record) => record['event.name'] === 'sonde.flow');
}

type Count = 'connections.opened' | 'connections.ended' | 'bytes.received' | 'retransmits' | 'segments.sent';

function sumsBy(flows: readonly FlowRecord[], count: Count): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const flow of flows) {
    const key = `${flow.direction} ${flow['network.transport']} ${flow['connection.state']}`;
    sums[key] = (sums[key] ?? 0) + flow[count];
  }
  return sums;
}

const metrics: Readonly<Record<Count, string>> = {
  'connections.opened': 'sonde_connections_opened_total',
  'connections.ended': 'sonde_connections_ended_total',
  'bytes.received': 'sonde_received_bytes_total',
  retransmits: 'sonde_tcp_retransmits_total',
  'segments.sent': 'sonde_sent_segments_total',
};

/** Of the histogram, by bound in seconds; only those at or below it. */
function latencyBelow(flows: readonly FlowRecord[], bound: number): number {
  const buckets = flows.flatMap((flow) => flow['latency.histogram'] ?? []);
  return buckets.reduce((sum, [upperMs, count]) => sum + (upperMs <= bound * 1000 ? count : 0), 0);
}

async function sameLatencies(
  prometheus: Prometheus,
  flows: readonly FlowRecord[],
  time: number,
): Promise<void> {
  const buckets = await prometheus.query('sum by (le) (sonde_connect_latency_seconds_bucket)', time);
  assert.ok(buckets.length > 10);
  for (const { metric, value } of buckets) {
    const bound = metric['le'] === '+Inf' ? Infinity : Number(metric['le']);
    assert.equal(Number(value[1]), latencyBelow(flows, bound), metric['le']);
  }
  const [median] = await prometheus.query(
    'histogram_quantile(0.5, sum by (le) (sonde_connect_latency_seconds_bucket{state="closed"}))',
    time,
  );
  assert.ok(Number(median?.value[1]) > 0);
}

test('what Prometheus has is what the agent has written', { timeout: 120_000 }, async (t) => {
  const target = `127.0.0.1:${String(await freePort())}`;
  await using rig = await startRig({
    window: '500ms',
    profile: 'full',
    exporters: { prometheus: { listen: target } },
  });
  const prometheus = await startPrometheus(t, target);
  await traffic(100);
  const told = (await rig.nextWindow())['window.number'];

  let windows: Sample | undefined;
  for (let tries = 0; tries < triesMax && Number(windows?.value[1] ?? 0) < told + 1; tries++) {
    await sleep(50);
    [windows] = await prometheus.query('sonde_windows_total');
  }
  const [stamp] = await prometheus.query('timestamp(sonde_windows_total)');
  assert.ok(windows && stamp, 'it scrapes');
  const time = Number(stamp.value[1]);
  const [scraped] = await prometheus.query('sonde_windows_total', time);
  const flows = flowsOf(rig.records(), Number(scraped?.value[1]));

  for (const [count, metric] of Object.entries(metrics) as [Count, string][]) {
    const samples = await prometheus.query(`sum by (direction, transport, state) (${metric})`, time);
    const sums = samples.map(({ metric: of, value }) => [
      `${of['direction'] ?? ''} ${of['transport'] ?? ''} ${of['state'] ?? ''}`,
      Number(value[1]),
    ]);
    assert.deepEqual(Object.fromEntries(sums), sumsBy(flows, count), metric);
  }
  assert.ok((sumsBy(flows, 'connections.opened')['egress tcp refused'] ?? 0) >= 25);

  await sameLatencies(prometheus, flows, time);
  const [coverage] = await prometheus.query('sonde_coverage_seen_total', time);
  const closed = rig
    .records()
    .filter((record): record is WindowRecord => record['event.name'] === 'sonde.window');
  const seen = closed.slice(0, Number(scraped?.value[1])).reduce((sum, of) => sum + of['coverage.seen'], 0);
  assert.equal(Number(coverage?.value[1]), seen);
  assert.deepEqual(await prometheus.query('{__name__=~"sonde.*",overflow!=""}', time), []);
  const types = (await prometheus.api('metadata?metric=sonde_connect_latency_seconds')) as Record<
    string,
    readonly { readonly type: string; readonly unit: string }[]
  >;
  assert.equal(types['sonde_connect_latency_seconds']?.[0]?.type, 'histogram');
  assert.equal(types['sonde_connect_latency_seconds'][0].unit, 'seconds', 'it reads OpenMetrics');
});

/** Nobody listens there; each is a label of its own. */
const ports = Array.from({ length: 40 }, (_, i) => 2 + i);

test('promtool has nothing against the text, also at the bound of series', async () => {
  const target = `127.0.0.1:${String(await freePort())}`;
  await using _rig = await startRig({
    window: '500ms',
    profile: 'full',
    exporters: { prometheus: { listen: target, series_max: 500, ports } },
  });
  for (const port of ports) await knock(port);
  const get = async (path: string) => fetch(`http://${target}${path}`, { headers: { accept: 'text/plain' } });
  let text = '';
  for (let tries = 0; tries < triesMax && !text.includes('overflow="true"'); tries++) {
    await sleep(50);
    text = await (await get('/metrics')).text();
  }
  assert.match(text, /^sonde_connections_opened_total\{overflow="true"\} [1-9]/m);
  assert.match(text, /^sonde_series_folded_records_total [1-9]/m);
  const count = Number(/^sonde_series (\d+)$/m.exec(text)?.[1]);
  assert.ok(count > 400 && count <= 500, String(count));
  const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  assert.deepEqual([error, status, stdout, stderr], [undefined, 0, '', '']);
  for (const path of ['/healthz', '/readyz']) assert.equal((await get(path)).status, 200, path);
});
