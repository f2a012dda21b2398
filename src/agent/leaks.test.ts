/**
 * What a field policy drops, cuts or hashes is nowhere in what an agent gives away: random records of all
 * kinds go through random policies, and through everything that serializes records.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Bench, budgetOf } from '../../test/agent-bench.ts';
import { closingOptions, nothingFar } from '../../test/observations.ts';
import { readLogsRequest } from '../../test/otlp-reader.ts';
import { unruly, type World } from '../../test/unruly.ts';
import { manualClock, systemClock } from '../lib/clock.ts';
import { localSocketPath } from '../lib/local-socket.ts';
import { silentLog } from '../lib/log.ts';
import { prng, type Prng } from '../lib/prng.ts';
import {
  effectiveActions,
  fieldActions,
  fieldRules,
  policyPresets,
  policyProblem,
  type FieldAction,
} from '../model/policy.ts';
import type { NumberedRecord, SondeRecord } from '../model/record.ts';
import { nameModes, resourceOf } from '../model/rendering.ts';
import { fieldOf, logRecordOf } from '../model/row/record.ts';
import { Rejection } from '../model/row/rejection.ts';
import { filledColumns, rowMaker } from '../model/row/rows.ts';
import { plainStandard } from '../model/standard.ts';
import { exporterNames, loadExporter } from './deliver/exporter.ts';
import { newCounting } from './deliver/metrics/counting.ts';
import { labelFields } from './deliver/metrics/labels.ts';
import { selfMetrics } from './deliver/metrics/self.ts';
import { encodeRequest } from './deliver/otlp/logs.ts';
import { encodePoints, pointsOf } from './deliver/otlp/points.ts';
import { exposition } from './deliver/prometheus/text.ts';
import { messageOf } from './deliver/syslog/message.ts';
import { openLocalServer } from './local/server.ts';
import { windowCloser } from './window/closing.ts';
import { policySchema, type PolicyConfig } from './window/policy/config.ts';
import { judgeOf } from './window/standard/judge.ts';
import { openPolicy } from './window/policy/policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-leaks-'));
process.env['SONDE_RUN'] = folder;
after(() => {
  rmSync(folder, { recursive: true });
});
const keyFile = join(folder, 'key');
writeFileSync(keyFile, 'k'.repeat(44), { mode: 0o600 });

const rounds = 40;

/** A sound policy: where a field would tell what another hides, it is hidden too. */
function randomPolicy(random: Prng): PolicyConfig {
  const preset = policyPresets[random.below(policyPresets.length)] ?? 'full';
  const fields: Record<string, FieldAction> = {};
  for (const { name, actions } of fieldRules) {
    if (actions.length > 1 && random.below(2) === 0)
      fields[name] = actions[random.below(actions.length)] ?? 'keep';
  }
  for (let problem = policyProblem(preset, fields); problem; problem = policyProblem(preset, fields)) {
    const { field } = problem;
    const rule = fieldRules.find(({ name }) => name === field);
    fields[field] = fieldActions.findLast((action) => rule?.actions.includes(action)) ?? 'keep';
  }
  return policySchema.parse({ preset, fields, key_file: keyFile });
}

/** What a client of the local socket is told. */
async function say(instance: string, line: string, until: (text: string) => boolean) {
  const socket = connect(localSocketPath(instance));
  socket.setEncoding('utf8');
  const said = { text: '' };
  socket.on('data', (text) => (said.text += String(text)));
  await once(socket, 'connect');
  socket.write(`${line}\n`);
  const begun = async (condition: typeof until): Promise<void> => {
    while (!condition(said.text)) await systemClock.sleep(1);
  };
  await begun(until);
  return { said, socket, begun };
}

interface Told {
  readonly version: string;
  readonly records: readonly NumberedRecord[];
  readonly local: string;
}

/** Nobody keeps it: all that may be told of somebody is told. */
const strict = {
  ...plainStandard,
  patterns: Object.fromEntries(
    ['process.name', 'user.name', 'workload.name', 'workload.owner', 'destination.ip', 'labels.team'].map(
      (name) => [name, '^$'],
    ),
  ),
};

/** An agent under a policy, from its start to its end, watched. */
async function run(world: World, config: PolicyConfig): Promise<Told> {
  const policy = await openPolicy(config);
  const node = policy.node(world.node);
  const { inventory, owners, fars, commandLine, lookups, rows, events } = world;
  const closer = windowCloser(node, { ...closingOptions, policy, judge: judgeOf(strict, world.node) });
  let asked = [...lookups];
  const bench = new Bench({
    node,
    policy,
    budget: budgetOf({ allEvents: true }),
    owners: {
      refresh: () => undefined,
      labels: (id) => owners[id]!,
      commandLine,
      recycle: () => Promise.resolve(),
    },
    far: { ...nothingFar, labels: ({ owner }) => fars[owner % fars.length] ?? {} },
    lookups: {
      tick: () => undefined,
      endWindow: () => asked.splice(0),
      losses: () => ({}),
      state: () => ({ consumed: 0, pending: 0 }),
    },
    closeWindow: (parts) => closer({ ...parts, inventory }),
  });
  bench.rows = [...rows];
  bench.events = [...events];
  asked = [...lookups];
  await using server = await openLocalServer('leaks', silentLog);
  server.serve(bench.agent);
  const { said, socket, begun } = await say('leaks', '{"ask":"trace","filter":{}}', (text) =>
    text.includes('watching'),
  );
  const flows = await say('leaks', '{"ask":"flows"}', (text) => text.includes('watching'));
  bench.start();
  await bench.clock.advance(1100);
  await begun((text) => text.includes('sonde.window'));
  await flows.begun((text) => text.includes('sonde.window'));
  const status = await say('leaks', '{"ask":"status"}', (text) => text.endsWith('\n'));
  const short = await say('leaks', '{"ask":"labels"}', (text) => text.endsWith('\n'));
  assert.match(short.said.text, /"not_matching"/);
  await bench.stop();
  for (const each of [socket, flows.socket, status.socket, short.socket]) each.destroy();
  const records = bench.delivered.map((record, i) => ({ ...record, 'record.sequence': i + 1 }));
  return {
    version: policy.version,
    records,
    local: [said, flows.said, status.said, short.said].map(({ text }) => text).join(''),
  };
}

async function jsonl(records: readonly NumberedRecord[]): Promise<string> {
  const path = join(folder, 'records.jsonl');
  const exporter = await loadExporter('jsonl');
  const context = { clock: manualClock(), log: silentLog };
  const texts: string[] = [];
  for (const names of nameModes) {
    rmSync(path, { force: true });
    await using open = await exporter.open(exporter.schema.parse({ path, names }), context);
    await open.deliver(records, AbortSignal.abort());
    texts.push(readFileSync(path, 'utf8'));
  }
  return texts.join('');
}

/** As bytes, in which text is to be found, and as a receiver reads it, numbers too. */
function otlp(records: readonly NumberedRecord[]): string {
  const texts: string[] = [];
  for (const names of nameModes) {
    const json = encodeRequest(records, { protocol: 'http/json', names, observedMs: 0 });
    const bytes = encodeRequest(records, { protocol: 'http/protobuf', names, observedMs: 0 });
    const read = readLogsRequest(bytes).map(({ attributes, resource, body }) => [attributes, resource, body]);
    texts.push(
      Buffer.from(json).toString('utf8'),
      Buffer.from(bytes).toString('latin1'),
      JSON.stringify(read),
    );
  }
  return texts.join('\n');
}

/** With all labels that there are. */
function counted(records: readonly NumberedRecord[]): Parameters<typeof exposition>[0] {
  const limits = { ports: new Set<number>(), seriesMax: 1e6, idleMs: 1e9 };
  const counting = newCounting({ ...limits, fields: labelFields, dnsNames: true }, manualClock());
  for (const record of records) counting.add(record);
  return { tables: counting.tables, live: selfMetrics(counting, undefined) };
}

function prometheus(records: readonly NumberedRecord[]): string {
  const all = counted(records);
  return exposition(all, 'openmetrics') + exposition(all, 'text');
}

function otlpMetrics(records: readonly NumberedRecord[]): string {
  const last = records.findLast((record) => record['event.name'] === 'sonde.window');
  const resource = last ? resourceOf(last) : {};
  const texts = (['canonical', 'otel'] as const).flatMap((names) => {
    const points = pointsOf(counted(records), { names, sinceMs: 0 });
    return (['http/json', 'grpc'] as const).map((protocol) =>
      Buffer.from(encodePoints(points, { protocol, resource, timeMs: 0 })).toString('latin1'),
    );
  });
  return texts.join('\n');
}

function syslog(records: readonly NumberedRecord[]): string {
  const form = { facility: 'daemon', appName: 'sonde', hostname: undefined, bytesMax: 1e6 };
  const texts = nameModes.flatMap((names) =>
    records.map((record) => messageOf(record, { ...form, names })?.bytes.toString()),
  );
  return texts.join('\n');
}

const ports = ['source.port', 'destination.port', 'destination.translated.port'].map(fieldOf);

/** Numbers that are to be found again are larger than a port may be, and some sums are below 0. */
function clickhouse(records: readonly NumberedRecord[]): string {
  const makeRow = rowMaker(filledColumns);
  const rows = records.map((record) => {
    const log = logRecordOf(record);
    for (const port of ports) log.fields[port] = undefined;
    try {
      return makeRow(log, { nowMs: Date.parse(record.time) }).row;
    } catch (error) {
      if (error instanceof Rejection) return [];
      throw error;
    }
  });
  return JSON.stringify(rows);
}

/** By exporter: all that it makes of records. */
const serialized: Readonly<Record<string, (records: readonly NumberedRecord[]) => Promise<string> | string>> =
  {
    jsonl,
    otlp,
    otlp_metrics: otlpMetrics,
    prometheus,
    syslog,
    clickhouse,
  };

/** They have not all of the fields, by their nature. */
const partial: ReadonlySet<string> = new Set(['prometheus', 'otlp_metrics', 'clickhouse']);

function leaves(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
}

const nothing: ReadonlySet<string> = new Set(['unknown', '0.0.0.0/0', '::/0', '*', '0']);

/** What of a value must not be seen; generated addresses that are private begin with 10. */
function hiddenOf(value: string, action: FieldAction): string[] {
  if (action === 'keep' || nothing.has(value)) return [];
  if (action === 'hash' || action === 'drop') return [value];
  if (/^[0-9a-f.:]+(\/\d+)?$/.test(value)) {
    if (value.includes('/') || (action === 'truncate_public' && value.startsWith('10.'))) return [];
    return [value];
  }
  return value.match(/secret[0-9a-f]+/g) ?? [];
}

/** What must not be seen, and of which fields of which records it is. */
function hiddenIn(records: readonly SondeRecord[], actions: ReadonlyMap<string, FieldAction>) {
  const [hidden, fields] = [new Set<string>(), new Set<string>()];
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      for (const part of leaves(value).flatMap((leaf) => hiddenOf(leaf, actions.get(name) ?? 'keep'))) {
        hidden.add(part);
        fields.add(`${record['event.name']} ${name}`);
      }
    }
  }
  return { hidden, fields };
}

const ofOneProcess: ReadonlySet<string> = new Set(['process.pid', 'process.start', 'process.command_line']);
const ofOwners = fieldRules.filter(
  ({ name, kind }) =>
    kind !== 'fixed' && /^(process|user|workload|labels|systemd|container|k8s|cgroup)/.test(name),
);

/** Labels of processes, as records of each kind have them. */
function processFields(): string[] {
  return ofOwners.flatMap(({ name }) => {
    if (name.startsWith('process.parent')) return [`sonde.connection ${name}`];
    const kinds = ofOneProcess.has(name) ? [] : ['sonde.flow', 'sonde.dns'];
    return ['sonde.connection', 'sonde.listener', ...kinds].map((kind) => `${kind} ${name}`);
  });
}

const counts = ['connections.opened', 'connections.ended', 'bytes.sent', 'retransmits'] as const;

function sums(records: readonly SondeRecord[]): number[] {
  const flows = records.filter((record) => record['event.name'] === 'sonde.flow');
  return counts.map((name) => flows.reduce((sum, flow) => sum + flow[name], 0));
}

test('the exporters here are all that there are', () => {
  assert.deepEqual(Object.keys(serialized).sort(), exporterNames());
});

test('random records under random policies', async (t) => {
  const everything = policySchema.parse({});
  let watched = 0;
  const looked = new Map([...partial].map((name) => [name, 0]));
  const seen = new Set<string>();
  for (let seed = 1; seed <= rounds; seed++) {
    await t.test(`seed ${String(seed)}`, async () => {
      const random = prng(seed);
      const world = unruly(random);
      const config = randomPolicy(random);
      const open = await run(world, everything);
      const told = await run(world, config);
      const { hidden, fields } = hiddenIn(open.records, effectiveActions(config.preset, config.fields));
      for (const field of fields) seen.add(field);
      assert.ok(hidden.size > 0);
      for (const [exporter, serialize] of Object.entries(serialized)) {
        const [before, text] = [await serialize(open.records), await serialize(told.records)];
        for (const value of hidden) {
          const already = looked.get(exporter);
          if (already !== undefined) looked.set(exporter, already + Number(before.includes(value)));
          else assert.ok(before.includes(value), `${value} is not looked for as ${exporter} writes it`);
          assert.ok(!text.includes(value), `${exporter}: ${value}`);
        }
      }
      for (const value of hidden) {
        if (open.local.includes(value)) watched++;
        assert.ok(!told.local.includes(value), `local socket: ${value}`);
      }
      assert.deepEqual(
        new Set(told.records.map((record) => record['policy.version'])),
        new Set([told.version]),
      );
      assert.deepEqual(sums(told.records), sums(open.records));
      for (const record of told.records) requiredIn(record);
    });
  }
  assert.deepEqual(
    processFields().filter((field) => !seen.has(field)),
    [],
    'never hidden',
  );
  assert.ok(watched > rounds, 'the local socket would tell little anyway');
  for (const [exporter, times] of looked) assert.ok(times > rounds, `${exporter} would tell little anyway`);
});

function requiredIn(record: SondeRecord): void {
  assert.ok(record['host.name'] !== '' && record.environment !== '');
  if (record['event.name'] === 'sonde.window' || record['event.name'] === 'sonde.listener') return;
  if (record['event.name'] === 'sonde.address') return;
  for (const name of ['process.name', 'destination.ip', 'destination.port', 'connection.state'] as const)
    assert.ok(Object.hasOwn(record, name) && record[name] !== '', name);
  assert.ok('latency_ms' in record);
  for (const name of ['process.name', 'destination.ip'] as const)
    assert.equal(record[name].startsWith('hmac-'), record[`${name}.form`] === 'hashed', name);
}
