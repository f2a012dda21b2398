/**
 * From history to policy and back, on a real hub: what `sonde learn` proposes is put into the hub's folder as
 * it is, and then nothing is unexpected but what comes anew.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { NetworkPolicy } from '../src/cli/commands/learn/network-policy.ts';
import { prng, type Prng } from '../src/lib/prng.ts';
import type { Answer } from '../src/question/contract.ts';
import type { ExpectationList } from '../src/question/expectation.ts';
import { validateManifest } from './manifests.ts';
import { makeHub, type RealHub, type RecordFields } from './real-hub.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-learn-'));
const files = join(folder, 'expectations.d');
const [minute, hour] = [60_000, 3_600_000];
const nowMs = Date.now();

let hub: RealHub;
let sequence = 0;
let sent = 0;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, SONDE_HUB: hub.url }, maxBuffer: 2 ** 26 };
    const child = execFile(sonde, words, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

/** What one process opens in one window, so long ago. */
function flow(agoMs: number, fields: Readonly<Record<string, RecordFields[string]>>): RecordFields {
  const startMs = Math.floor((nowMs - agoMs) / 10_000) * 10_000;
  const [start, end] = [startMs, startMs + 10_000].map((ms) => new Date(ms).toISOString()) as [
    string,
    string,
  ];
  return {
    'event.name': 'sonde.flow',
    time: end,
    'host.name': 'web-1',
    environment: 'production',
    'agent.instance': 'main',
    'agent.id': 'a',
    'boot.id': 'b',
    'record.sequence': ++sequence,
    'window.start': start,
    'window.end': end,
    'window.number': startMs / 10_000,
    direction: 'egress',
    attribution: 'exact',
    'network.transport': 'tcp',
    'network.type': 'ipv4',
    'network.namespace': 4026531840,
    'destination.ip.form': 'exact',
    'connection.state': 'closed',
    'connection.established': true,
    latency_ms: 1,
    'latency.histogram': [[1, 3]],
    ...{ 'connections.opened': 3, 'connections.established': 3, 'connections.ended': 3 },
    ...{ 'connections.adopted': 0, 'connections.open': 0 },
    ...{ 'bytes.sent': 400, 'bytes.received': 4000, retransmits: 0, 'resets.sent': 0, 'resets.received': 0 },
    ...fields,
  };
}

const whose = [
  { 'workload.name': 'shop', 'process.name': 'api', 'workload.owner': 'team-shop' },
  { 'workload.name': 'shop', 'process.name': 'worker' },
  { 'workload.name': '', 'process.name': 'apt' },
] as const;

/** Names with changing addresses, of few domains and of one with many; private addresses; one by its address. */
function destination(random: Prng): Readonly<Record<string, string | number>> {
  const by = { 'destination.name.source': 'dns', 'destination.port': 443 };
  const ip = `198.51.${random.below(200)}.${1 + random.below(200)}`;
  switch (random.below(5)) {
    case 0:
      return { ...by, 'destination.name': 'api.partner.example', 'destination.ip': ip };
    case 1:
      return { ...by, 'destination.name': `edge-${random.below(9)}.cdn.test`, 'destination.ip': ip };
    case 2:
      return { 'destination.ip': `10.0.0.${1 + random.below(5)}`, 'destination.port': 5432 };
    case 3:
      return { 'destination.ip': '203.0.113.53', 'destination.port': 53, 'network.transport': 'udp' };
    default:
      return { 'destination.ip': '169.254.169.254', 'destination.port': 80 };
  }
}

async function send(records: readonly RecordFields[]): Promise<void> {
  await hub.send(records);
  sent += records.length;
  // The hub acknowledges before it stores.
  for (;;) {
    const { stdout } = await run('export', '--table', 'flows', '--since', '10d');
    if (stdout.split('\n').length > sent) return;
    await sleep(100);
  }
}

async function ask(...words: string[]): Promise<Answer> {
  const { stdout, stderr } = await run('ask', 'unexpected-egress', '--since', '3h', '--json', ...words);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Answer;
}

async function learn(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('learn', ...words);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  return stdout;
}

before(async () => {
  mkdirSync(files);
  hub = await makeHub(`expectations: { files: ${files} }\nretention: { flows: 20d }\n`);
  await hub.start();
  const random = prng(7);
  const agosMs = Array.from({ length: 200 }, () => 2 * hour + random.below(200 * hour));
  await send(agosMs.flatMap((agoMs) => whose.map((who) => flow(agoMs, { ...who, ...destination(random) }))));
});

after(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('what is learned is what is expected; then only what comes anew is told', async () => {
  assert.deepEqual(
    (await ask()).coverage.notes.filter((note) => note.includes('expect')),
    [],
  );
  const learned = await learn();
  assert.equal(await learn(), learned, 'the same history is the same text');
  assert.match(learned, /- '\*\.cdn\.test' # 9 names, \d+ connections on \d+ days, last \d{4}-\d\d-\d\d\n/);
  assert.match(learned, /- 10\.0\.0\.0\/24 # 5 addresses/);
  assert.match(learned, /whom: \{ environment: production, process: apt \}/);
  assert.match(learned, /owner: team-shop\n/);
  writeFileSync(join(files, 'learned.yaml'), learned);

  assert.deepEqual((await ask()).rows, []);
  assert.ok((await ask('--only', 'expected')).rows.length > 0);
  assert.match(await learn(), /^# .*\nexpectations: \[\]\n$/);
  const { expectations } = (await (await fetch(`${hub.url}/api/v1/expectations`)).json()) as ExpectationList;
  assert.deepEqual(
    expectations.map(({ state, whom }) => [state, whom.process]),
    [
      ['current', 'apt'],
      ['current', 'api'],
      ['current', 'worker'],
    ],
  );

  const known = { 'destination.name': 'edge-77.cdn.test', 'destination.name.source': 'dns' };
  const fresh = { ...whose[0], 'destination.ip': '192.0.2.66', 'destination.port': 443 };
  await send([
    flow(70 * minute, { ...fresh, ...known }),
    flow(70 * minute, { ...fresh, 'destination.ip': '192.0.2.67', 'destination.name': 'drop.example' }),
    flow(70 * minute, { 'workload.name': 'blog', 'process.name': 'curl', 'destination.ip': '192.0.2.1' }),
  ]);
  const { rows } = await ask();
  assert.deepEqual(
    rows.map((row) => [row['finding'], row['process.name'], row['destination.ip'], row['expectation']]),
    [
      ['not_allowed', 'api', '192.0.2.67', `learned.yaml:${lineOf(learned, 'workload: shop, process: api')}`],
      ['learning', 'curl', '192.0.2.1', null],
    ],
  );
});

function lineOf(text: string, part: string): number {
  return text.split('\n').findIndex((line) => line.includes(part)) + 1;
}

test('what is due and what has expired is said under the answer; a broken file by its line', async () => {
  const entry = (dates: string) =>
    `expectations:\n  - whom: { process: curl }\n    talks_to: [{ scopes: [public] }]\n` +
    `    why: downloads\n    owner: team-blog\n    ${dates}\n`;
  writeFileSync(join(files, 'blog.yaml'), entry('review: 2020-01-01'));
  const due = await ask();
  assert.deepEqual(
    due.rows.map((row) => row['finding']),
    ['not_allowed'],
  );
  const note = 'expectation blog.yaml:2 is to be reviewed since 2020-01-01, and still counts (team-blog)';
  assert.ok(due.coverage.notes.includes(note));
  writeFileSync(join(files, 'blog.yaml'), entry('reviewed: 2020-01-01'));
  const broken = await ask();
  assert.equal(broken.rows.length, 1, 'it still counts');
  const problem = 'blog.yaml:6: unknown key expectations.0.reviewed; the expectations before still count';
  assert.ok(broken.coverage.notes.includes(problem));
  writeFileSync(join(files, 'blog.yaml'), entry('review: 2020-01-01\n    expires: 2020-02-01'));
  const expired = await ask();
  assert.deepEqual(
    expired.rows.map((row) => row['finding']),
    ['not_allowed', 'learning'],
  );
});

test('pods get a NetworkPolicy, with the labels of those whom they talk to', async () => {
  const shop = { 'workload.name': 'cart', 'process.name': 'node', 'k8s.namespace': 'store' };
  const database = { 'workload.name': 'db', 'process.name': 'postgres', 'k8s.namespace': 'data' };
  const at = { 'destination.ip': '10.44.0.7', 'destination.port': 5432 };
  await send([
    flow(4 * hour, { ...shop, ...at, labels: { 'k8s.label.app': 'cart', tier: 'gold' } }),
    flow(4 * hour, { ...database, ...at, direction: 'ingress', labels: { 'k8s.label.app': 'db' } }),
  ]);
  const policy = parseAllDocuments(await learn('--network-policy', '--workload', 'cart'))
    .map((document) => document.toJS() as NetworkPolicy | null)
    .find((document) => document !== null);
  assert.ok(policy);
  await validateManifest(policy as never);
  assert.deepEqual(policy.metadata, { name: 'sonde-egress-cart', namespace: 'store' });
  assert.deepEqual(policy.spec.podSelector, { matchLabels: { app: 'cart' } });
  assert.deepEqual(policy.spec.egress[1], {
    to: [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } },
        podSelector: { matchLabels: { app: 'db' } },
      },
    ],
    ports: [{ protocol: 'TCP', port: 5432 }],
  });
});

test('bad options are one clear error', async () => {
  const bad = await run('learn', '--since', 'yesterday');
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /since must be a duration such as 15m; got yesterday/);
});
