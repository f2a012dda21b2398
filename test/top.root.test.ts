/** `sonde top` in a real terminal (util-linux's script) and in a pipe, on a real agent. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { eventually, startRig } from './rig.ts';

const patienceMs = 30_000;
const sonde = join(import.meta.dirname, '../bin/sonde');

/** A connection that is taken and one that is refused, again and again; by this process. */
async function talking(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const timer = setInterval(() => {
    for (const to of [port, 1])
      connect(to, '127.0.0.1')
        .once('error', () => undefined)
        .resume();
  }, 20);
  return {
    port,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      server.close();
      await once(server, 'close');
    },
  };
}

test('in a terminal: rows, a key that sorts, one that filters, and out', async (t) => {
  await using rig = await startRig();
  await using talk = await talking();
  const instance = rig.agent.status().node['agent.instance'];
  const child = spawn('script', ['-qefc', `${sonde} top --instance ${instance}`, '/dev/null'], {
    // None of this machine's: told that it is in CI, Ink draws its last frame only.
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', COLUMNS: '120', LINES: '24' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let screen = '';
  child.stdout.on('data', (bytes) => (screen += String(bytes)));
  const isSeen = async (pattern: RegExp) => {
    const seen = await eventually(() => pattern.test(stripVTControlCharacters(screen)), patienceMs);
    assert.ok(seen, `${String(pattern)} in ${JSON.stringify(screen.slice(-3000))}`);
  };
  await isSeen(new RegExp(`→ 127\\.0\\.0\\.1:${String(talk.port)} `));
  assert.match(stripVTControlCharacters(screen), /PROCESS +DESTINATION +NEW\/S/);
  child.stdin.write('f');
  await isSeen(/by failures/);
  screen = '';
  child.stdin.write('/');
  await isSeen(/by failures {2}\//);
  child.stdin.write('0.1:1');
  await isSeen(/\/0\.1:1/);
  await isSeen(/→ 127\.0\.0\.1:1 /);
  child.stdin.write('\r');
  await isSeen(/q quit/);
  child.stdin.write('q');
  assert.deepEqual(await ended, [0, null]);
});

test('in a pipe: a table for each window, as text or as JSON', async () => {
  await using rig = await startRig();
  await using talk = await talking();
  const instance = rig.agent.status().node['agent.instance'];
  const run = async (...options: string[]): Promise<string> => {
    const child = spawn(sonde, ['top', '--instance', instance, '--for', '5s', ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (bytes) => (text += String(bytes)));
    assert.deepEqual(await once(child, 'close'), [0, null]);
    return text;
  };
  const [plain, json] = await Promise.all([
    run('--filter', `node 127.0.0.1:${String(talk.port)}`),
    run('--json'),
  ]);
  assert.match(
    plain,
    new RegExp(`^PROCESS +DESTINATION +NEW/S.*\\nnode +→ 127.0.0.1:${String(talk.port)} `, 'm'),
  );
  type Line = { readonly host: string; readonly rows: readonly { port: number; opened: number }[] };
  const windows = json
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  const rows = windows.flatMap((window) => window.rows).filter((row) => row.port === talk.port);
  assert.ok(rows.some(({ opened }) => opened > 0));
});
