/**
 * The first answer, as somebody new gets it: hub, agent and demo from the command line. What was planted
 * leads the answer, and answer, file and kernel agree to the unit.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../src/hub/engine/engine.ts';
import type { SondeRecord, WindowRecord } from '../src/model/record.ts';
import type { Answer } from '../src/question/contract.ts';
import { Daemon, workplace } from './daemons.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const exec = promisify(execFile);
const arrivalMsMax = 60_000;

const keys = [
  'process.name',
  'direction',
  'destination.ip',
  'destination.port',
  'connection.state',
  'environment',
] as const;
const sums = [
  'connections.opened',
  'connections.adopted',
  'connections.established',
  'connections.ended',
  'bytes.sent',
  'bytes.received',
  'retransmits',
] as const;

/** By key; rows of nothing but what stayed open add nothing. */
function summed(rows: readonly object[]): Record<string, number[]> {
  const all: Record<string, number[]> = {};
  for (const row of rows as readonly Readonly<Record<string, unknown>>[]) {
    const into = (all[keys.map((key) => String(row[key])).join(' ')] ??= sums.map(() => 0));
    sums.forEach((name, i) => (into[i] = (into[i] ?? 0) + Number(row[name])));
  }
  return Object.fromEntries(Object.entries(all).filter(([, values]) => values.some((value) => value !== 0)));
}

test('the demo’s fault leads the answer; answer, file and kernel agree', { timeout: 300_000 }, async () => {
  using folder = workplace();
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const file = join(folder.path, 'flows.jsonl');
  const hubConfig = folder.write('hub.yaml', `listen: 127.0.0.1:${String(port)}\n`);
  const agentConfig = folder.write(
    'agent.yaml',
    JSON.stringify({
      instance: `first-${String(port)}`,
      environment: 'test',
      window: '1s',
      profile: 'connections',
      exporters: { jsonl: { path: file }, otlp: { endpoint: url } },
      spool: { drain: '60s' },
    }),
  );
  await using hub = new Daemon(['hub', '--config', hubConfig], folder.environment);
  await using agent = new Daemon(['agent', '--config', agentConfig], folder.environment);
  hub.start();
  const answered = async (question: string, ...options: string[]): Promise<Answer> => {
    const { stdout } = await exec(sonde, ['ask', question, '--hub', url, '--json', ...options]);
    return JSON.parse(stdout) as Answer;
  };
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false, // not listening yet
    );
  while (!(await isReady())) await sleep(100);
  agent.start();
  // Until its first window is here: then it counts, and the kernel's counters have been read.
  while ((await answered('connections')).coverage.nodes.part === 0) await sleep(100);

  await exec(sonde, ['demo', '--hold', '2s']);
  assert.equal(await agent.end('SIGTERM'), 0, agent.said);
  const told = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SondeRecord);
  const windows = told.filter((record): record is WindowRecord => record['event.name'] === 'sonde.window');
  const kernel = windows.reduce((sum, window) => sum + window['coverage.kernel'], 0);

  // The agent waits until the hub has all; the hub's store takes it a moment later.
  const options = ['--own', '--since', '1h', '--limit', '10000'];
  let answer = await answered('connections', ...options);
  for (const end = Date.now() + arrivalMsMax; Date.now() < end;) {
    if (answer.coverage.connections.of === kernel) break;
    await sleep(200);
    answer = await answered('connections', ...options);
  }
  assert.equal(answer.truncated, false);
  assert.deepEqual(
    summed(answer.rows),
    summed(told.filter((record) => record['event.name'] === 'sonde.flow')),
    'the answer is what the file has',
  );
  const { part, of } = answer.coverage.connections;
  assert.equal(of, kernel);
  assert.equal(part, of, 'all that the kernel counted was seen');
  for (const coverage of windows.at(-1)?.['coverage.namespaces'] ?? [])
    assert.deepEqual(coverage.difference ?? {}, {}, JSON.stringify(coverage));

  // Whatever else this machine does: of the demo's own faults each leads the answer that it is planted for.
  const leads = {
    timeouts: { 'process.name': 'reports', 'destination.port': 5432, timed_out: 5 },
    'retry-storms': { 'process.name': 'checkout', 'destination.port': 8443, storms: 1, failed: 40 },
    'reset-bursts': {
      'destination.port': 3128,
      verdict: 'burst',
      sent_by: 'destination',
      resets: 25,
      clients: 4,
    },
    'slow-app': { 'destination.port': 8090, cause: 'app' },
    'close-rate': { compared_with: 'nothing yet' },
    'lateral-movement': { finding: 'scan', 'process.name': 'intruder', 'contacts.failed': 24 },
  };
  for (const [question, expected] of Object.entries(leads)) {
    const { rows } = await answered(question, '--since', '15m', '--destination', '10.31.2.2');
    const first = Object.entries(rows[0] ?? {}).filter(([name]) => name in expected);
    assert.deepEqual(Object.fromEntries(first), expected, question);
  }
  const chains = await answered('lateral-movement', '--since', '15m', '--only', 'chain');
  assert.equal(chains.rows[0]?.['path'], '10.31.1.2 → 10.31.2.2:22 sshd → 10.31.2.1:22');
  const failing = await answered('dependencies', '--since', '15m', '--name', '10.31.*');
  assert.equal(failing.rows[0]?.['process.name'], 'checkout');
  assert.equal(failing.rows[0]['connections.failed'], 40);
});
