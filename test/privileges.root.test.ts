/** What the real agent may do, on every thread; that it does its work with that; what it refuses to read. */

import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { agentCapabilities, heldBy, maskOf, type Privileges } from '../src/lib/capabilities.ts';
import type { ConnectionRecord, SondeRecord } from '../src/model/record.ts';
import { Daemon, workplace, type Workplace } from './daemons.ts';
import { eventually } from './rig.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const withinMs = 60_000;
const user = 54_321;

type Started = AsyncDisposable & ChildProcessByStdio<Writable, Readable, null> & { readonly pid: number };

/** A process that says a line when it is ready, and ends with its standard input. */
async function start(program: string, words: readonly string[]): Promise<{ started: Started; line: string }> {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const dispose = async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
  return { started: Object.assign(child, { [Symbol.asyncDispose]: dispose }) as Started, line: String(line) };
}

const server = `
const server = require('node:net').createServer((socket) => socket.on('error', () => 0).resume());
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());`;

/** Connects, closes, and lives on, so that what is asked of it can be answered. */
const client = 'exec 3<>/dev/tcp/127.0.0.1/$1; exec 3>&-; echo done; read -r _';

/** In a network namespace that no mount holds, only a process. */
function startServer(): ReturnType<typeof start> {
  const script = 'ip link set lo up && exec "$0" -e "$1"';
  return start('unshare', ['--net', 'sh', '-c', script, process.execPath, server]);
}

function startClient(at: number, port: string): ReturnType<typeof start> {
  const as = ['--reuid', String(user), '--regid', String(user), '--clear-groups'];
  const words = ['setpriv', ...as, 'bash', '--norc', '-c', client, 'a-word-of-its-own', port];
  return start('nsenter', [`--net=/proc/${String(at)}/ns/net`, ...words]);
}

const instance = `privileges-${String(process.pid)}`;

function configuration(place: Workplace, records: string): string {
  const settings = { instance, window: '1s', profile: 'full', command_line: 'redacted' };
  const text = JSON.stringify({ ...settings, exporters: { jsonl: { path: records } } });
  const path = place.write('agent.yaml', text);
  chmodSync(path, 0o644);
  return path;
}

function recordsIn(file: string): SondeRecord[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line) as SondeRecord);
}

function isOf(port: string): (record: SondeRecord) => record is ConnectionRecord {
  return (record): record is ConnectionRecord =>
    record['event.name'] === 'sonde.connection' &&
    record.direction === 'egress' &&
    record['destination.port'] === Number(port);
}

test('every thread has what the reference lists and nothing else, and that does the work', async () => {
  using place = workplace();
  const records = join(place.path, 'records.jsonl');
  const at = await startServer();
  await using serving = at.started;
  const port = at.line.trim();
  await using agent = new Daemon(['agent', '--config', configuration(place, records)], place.environment);
  agent.start();
  const hasWindow = () => recordsIn(records).some((record) => record['event.name'] === 'sonde.window');
  assert.ok(await eventually(hasWindow, withinMs), agent.said);

  const { started } = await startClient(serving.pid, port);
  await using connected = started;
  assert.ok(await eventually(() => recordsIn(records).some(isOf(port)), withinMs), agent.said);
  const told = recordsIn(records).find(isOf(port));
  assert.ok(told);
  assert.equal(told['process.name'], 'bash');
  assert.equal(told['process.pid'], connected.pid);
  assert.equal(told['user.id'], user);
  assert.match(String(told['process.executable.path']), /^(\/usr)?\/bin\/bash$/);
  assert.match(String(told['process.command_line']), /a-word-of-its-own/);

  const threads = readdirSync(`/proc/${String(agent.pid)}/task`);
  const wanted = maskOf(agentCapabilities);
  const sets = { inheritable: 0n, permitted: wanted, effective: wanted, bounding: wanted, ambient: 0n };
  assert.ok(threads.length > 4, 'Node has threads of its own');
  for (const thread of threads) {
    const status = readFileSync(`/proc/${String(agent.pid)}/task/${thread}/status`, 'utf8');
    assert.deepEqual(heldBy(status), { sets, forGood: true }, thread);
  }
  const reference = readFileSync(join(import.meta.dirname, '../docs/reference/privileges.md'), 'utf8');
  const listed = [...reference.matchAll(/^\| `(CAP_\w+)` \|/gm)].map(([, name = '']) => name);
  const asked = spawnSync(sonde, ['status', '--json', '--instance', instance], {
    encoding: 'utf8',
    env: { ...process.env, ...place.environment },
  });
  const { privileges } = JSON.parse(asked.stdout) as { privileges: Privileges };
  assert.deepEqual(privileges, { user: 0, capabilities: listed, more: 0, forGood: true });
  const isUnreachable = (record: SondeRecord) =>
    record['event.name'] === 'sonde.window' && record['coverage.unreachable'] > 0;
  assert.deepEqual(recordsIn(records).filter(isUnreachable), [], 'every namespace could be entered');
});

test('a configuration or a question that others can write is refused in one line', () => {
  using place = workplace();
  const config = configuration(place, join(place.path, 'records.jsonl'));
  const questions = join(place.path, 'questions');
  cpSync(join(import.meta.dirname, '../questions'), questions, { recursive: true });
  const check = () =>
    spawnSync(sonde, ['agent', '--check-config', '--config', config], {
      encoding: 'utf8',
      env: { ...process.env, ...place.environment, SONDE_QUESTIONS: questions },
    });
  assert.equal(check().status, 0);
  const sql = join(questions, 'connections/ask.sql');
  for (const [path, mode] of [
    [config, 0o646],
    [sql, 0o664],
  ] as const) {
    chmodSync(path, mode);
    const { status, stderr } = check();
    const why = `others may write it, its mode is ${mode.toString(8)}`;
    const remedy = `let root alone write it: chown root ${path} && chmod go-w ${path}`;
    assert.equal(stderr, `sonde: ${path} is not to be relied on: ${why}; ${remedy}\n`);
    assert.equal(status, 2);
    chmodSync(path, 0o644);
  }
  spawnSync('chown', [String(user), questions]);
  assert.match(check().stderr, new RegExp(`^sonde: ${questions} is not to be relied on: it belongs to user`));
});
