/** What falls short of a standard, as a real agent counts it, over its socket and in the file that it wrote. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { NumberedRecord } from '../src/model/record.ts';
import type { Findings } from '../src/model/standard.ts';
import { eventually } from './rig.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const patienceMs = 60_000;

interface Ran {
  readonly code: number | null;
  readonly found: Findings;
}

/** To a server of this process, until it is over. */
async function call(): Promise<number> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1').resume();
  await once(socket, 'close');
  server.close();
  return port;
}

test('live, and in its file: labels and workloads that fall short', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-lint-'));
  const [config, records] = [join(folder, 'agent.yaml'), join(folder, 'records.jsonl')];
  const settings = {
    environment: 'lab',
    window: '500ms',
    profile: 'full',
    standard: {
      required: ['labels.tier'],
      values: { environment: ['production'] },
      patterns: { 'workload.owner': '^team-' },
    },
    ownership: [{ id: 'test', match: { executable: process.execPath }, name: 'the-test', owner: 'bob' }],
    exporters: { jsonl: { path: records } },
  };
  writeFileSync(config, JSON.stringify(settings));
  const env = { ...process.env, SONDE_RUN: folder, SONDE_STATE: folder };
  const agent = spawn(sonde, ['agent', '--config', config], { env, stdio: 'inherit' });
  t.after(() => {
    agent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const lint = (...words: string[]): Ran => {
    const { status, stdout } = spawnSync(sonde, ['labels', 'lint', '--json', ...words], {
      env,
      encoding: 'utf8',
    });
    return { code: status, found: JSON.parse(stdout === '' ? '{"findings":[]}' : stdout) as Findings };
  };
  const kinds = ({ found }: Ran) =>
    found.findings
      .filter(({ workload }) => workload === 'the-test')
      .map(({ label, rule, value }) => `${label} ${rule} ${String(value)}`)
      .sort();
  const wanted = [
    'environment not_allowed lab',
    'labels.tier missing null',
    'workload.owner not_matching bob',
  ];

  assert.ok(await eventually(() => lint().code === 0 || lint().code === 1, patienceMs), 'a window closes');
  await call();
  assert.ok(await eventually(() => kinds(lint()).length > 0, patienceMs), 'it is told');
  const live = lint();
  assert.deepEqual([live.code, kinds(live)], [1, wanted]);

  const ended = once(agent, 'exit');
  agent.kill('SIGTERM');
  await ended;
  const file = lint('--file', records, '--config', config);
  assert.deepEqual([file.code, kinds(file)], [1, wanted]);
  assert.deepEqual(kinds(lint('--file', records)), []);
  const windows = readFileSync(records, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as NumberedRecord)
    .filter((record) => record['event.name'] === 'sonde.window');
  const counted = (name: string): number =>
    windows.reduce((sum, { nonstandard }) => sum + (nonstandard[name] ?? 0), 0);
  assert.ok(counted('not_allowed.environment') > 0 && counted('not_matching.workload.owner') > 0);
  assert.ok(windows.some(({ unlabelled }) => (unlabelled['labels.tier'] ?? 0) > 0));
});
