/** `sonde hub` as an operator runs it, with the embedded ClickHouse. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connection, flow, logsRequest, plainWire, windowEnd } from '../../test/otlp.ts';
import { systemClock } from '../lib/clock.ts';
import type { HubStatus } from './hub.ts';

const checkout = join(import.meta.dirname, '../..');
const sonde = join(checkout, 'bin/sonde');

/** Does what the reference of the store says to do, and gives the file that it makes. */
function lookInto(folder: string): string {
  const page = readFileSync(join(checkout, 'docs/reference/store.md'), 'utf8');
  const commands = /^## The engine\n[^]*?\n\n((?: {4}.*\n)+)/m.exec(page)?.[1];
  assert.ok(commands !== undefined);
  const here = commands.replaceAll('/tmp/', `${folder}/`).replaceAll('/var/lib/sonde/hub', folder);
  execFileSync('sh', ['-ec', here], { cwd: checkout });
  return readFileSync(join(folder, 'nodes.csv'), 'utf8');
}

/** Times that the records of now have. */
function recent(): Readonly<Record<string, string>> {
  const endMs = systemClock.wallMs();
  const end = new Date(endMs).toISOString();
  return { time: end, 'window.start': new Date(endMs - 10_000).toISOString(), 'window.end': end };
}

test('takes every kind of record, stores it, ends when its input does', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
  const config = join(folder, 'hub.yaml');
  writeFileSync(config, `listen: 127.0.0.1:0\ndata: ${folder}\nembedded: { memory: 512MiB }\n`);
  const child = spawn(sonde, ['hub', '--config', config, '--until-eof'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  try {
    const lines = createInterface(child.stderr);
    const [line] = (await once(lines, 'line')) as [string];
    const url = /^sonde: listening on (http:\S+)$/.exec(line)?.[1];
    assert.ok(url, line);
    assert.equal(readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim(), 'sonde-hub');
    const status = async (): Promise<HubStatus> =>
      (await (await fetch(`${url}/api/v1/status`)).json()) as HubStatus;

    const times = recent();
    const records = [flow(1, times), connection(2, times), windowEnd(3, times)];
    const { body, headers } = logsRequest(records, plainWire);
    for (const expected of [
      { stored: 3, duplicates: 0, rejected: 0 },
      { stored: 3, duplicates: 3, rejected: 0 },
    ]) {
      const answer = await fetch(`${url}/v1/logs`, { method: 'POST', body: new Uint8Array(body), headers });
      assert.equal(answer.status, 200);
      assert.deepEqual((await status()).records, expected);
    }
    let now = await status();
    for (; now.journal.pendingBlocks > 0 || !now.store.ready; now = await status()) await sleep(100);
    assert.equal(now.journal.storeProblem, null);
    assert.ok((now.engine?.pid ?? 0) > 0);
    assert.equal(now.disk?.problem, null);
    assert.ok((now.disk.usedBytes ?? 0) > 0 && (now.disk.maxBytes ?? 0) > (now.disk.usedBytes ?? 0));
    assert.equal((await fetch(`${url}/readyz`)).status, 200);

    const exited = once(child, 'exit');
    child.stdin.end();
    assert.deepEqual(await exited, [0, null]);
    assert.match(lookInto(folder), /^"host_name",.*\n"n1",[^\n]*\n$/);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

test('ends with its error, and does not wait for the end of its input', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
  writeFileSync(join(folder, 'file'), '');
  const config = join(folder, 'hub.yaml');
  writeFileSync(config, `listen: 127.0.0.1:0\ndata: ${folder}/file/below\n`);
  const child = spawn(sonde, ['hub', '--config', config, '--until-eof'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    const [code, by] = (await once(child, 'exit', { signal: AbortSignal.timeout(30_000) })) as [
      number | null,
      NodeJS.Signals | null,
    ];
    assert.equal(by, null);
    assert.notEqual(code, 0);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});

test('a folder that cannot be made is said in one line', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
  const config = join(folder, 'hub.yaml');
  writeFileSync(config, `listen: 127.0.0.1:0\ndata: ${config}/hub\n`);
  const child = spawn(sonde, ['hub', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const said = await text(child.stderr);
    assert.match(said, /^sonde: .* \(ENOTDIR\)/m);
    assert.doesNotMatch(said, /^ +at /m);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
