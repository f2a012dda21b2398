/** `sonde export` from a real hub: a file that is there is whole, and what is in it is what was imported. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { makeHub, type RealHub } from './real-hub.ts';
import { zeekJson, zeekLine } from './zeek-log.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-export-'));
/** Each is two rows and an event: 60 MB as NDJSON, far more than what sockets hold. */
const connections = 10_000;
let hub: RealHub;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, SONDE_HUB: hub.url };
}

function run(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: environment(), maxBuffer: 2 ** 30 };
    const child = execFile(sonde, words, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

before(async () => {
  hub = await makeHub();
  await hub.start();
  const startS = Math.floor((Date.now() - 3_600_000) / 10_000) * 10;
  const lines = Array.from({ length: connections }, (_, i) =>
    zeekLine({
      ts: startS + (i % 300) * 10,
      uid: i === 0 ? 'a\u009b2J' : `C${i}`,
      'id.resp_h': `10.9.${i >> 8}.${i & 255}`,
      duration: 10,
      conn_state: 'RSTR',
    }),
  );
  const log = join(folder, 'conn.log');
  writeFileSync(log, zeekJson(lines));
  const imported = await run('import', log);
  assert.equal(imported.code, 0, imported.stderr);
  while ((await run('export', '--table', 'windows', '--since', '3h')).stdout.split('\n').length <= 301) {
    await sleep(100); // the hub acknowledges before it stores, and closing records come last
  }
});

after(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function rowsOf(text: string): Record<string, unknown>[] {
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('sonde export', () => {
  test('to standard output: every row, and every connection of it', async () => {
    const { code, stdout, stderr } = await run('export', '--since', '3h');
    assert.equal(code, 0, stderr);
    const rows = rowsOf(stdout);
    assert.equal(rows.length, 2 * connections);
    const total = (name: string): number => rows.reduce((sum, row) => sum + Number(row[name]), 0);
    assert.deepEqual(
      ['connections_opened', 'connections_ended', 'resets_received', 'bytes_received'].map(total),
      [connections, connections, connections, 2000 * connections],
    );
    const events = rowsOf((await run('export', '--table', 'connection_events', '--since', '3h')).stdout);
    assert.equal(new Set(events.map((row) => row['connection_id'])).size, connections);
    assert.ok(events.some((row) => row['connection_id'] === 'a\u009b2J'));
  });

  test('to a file: under its name when it is whole, over one that was there', async () => {
    const out = join(folder, 'flows.parquet');
    writeFileSync(out, 'old');
    const { code, stderr } = await run('export', '--since', '3h', '--format', 'parquet', '--out', out);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^sonde: \S+flows\.parquet has [\d.]+ [kM]B$/m);
    const bytes = readFileSync(out);
    assert.equal(bytes.subarray(0, 4).toString(), 'PAR1');
    assert.equal(bytes.subarray(-4).toString(), 'PAR1');
    assert.ok(!existsSync(`${out}.part`));
  });

  const refused: readonly (readonly [words: readonly string[], code: number, line: RegExp])[] = [
    [
      ['--table', 'migrations'],
      2,
      /^sonde: there is no table migrations to export; name one of these: flows, /,
    ],
    [['--format', 'parquet'], 2, /^sonde: --format parquet needs --out FILE; /],
    [['--format', 'csv'], 2, /^sonde: --format is ndjson or parquet, not csv; /],
    [['--since', '5s'], 2, /^sonde: export: since must make a range of 1m to 400d; /],
    [['--out', '/nowhere/flows.json'], 2, /^sonde: \/nowhere\/flows\.json cannot be written \(ENOENT\); /],
    [['--hub', 'http://127.0.0.1:1'], 1, /^sonde: no hub answers on http:\/\/127\.0\.0\.1:1 /],
  ];
  for (const [words, code, line] of refused) {
    test(`refused: ${words.join(' ')}`, async () => {
      const ran = await run('export', ...words);
      assert.match(ran.stderr, line);
      assert.equal(ran.code, code);
      assert.equal(ran.stdout, '');
    });
  }

  test('that breaks off leaves nothing that looks whole, nor the file before it touched', async () => {
    const out = join(folder, 'broken.json');
    writeFileSync(out, 'old');
    const { engine } = (await (await fetch(`${hub.url}/api/v1/status`)).json()) as {
      engine: { pid: number };
    };
    const words = ['export', '--since', '3h', '--out', out];
    const child = spawn(sonde, words, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    while (!existsSync(`${out}.part`)) await sleep(1);
    child.kill('SIGSTOP');
    process.kill(engine.pid, 'SIGKILL');
    child.kill('SIGCONT');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 1, said);
    assert.match(said, /^sonde: the export broke off \(.*\), no file was made; ask again/);
    assert.equal(readFileSync(out, 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('broken')),
      ['broken.json'],
    );
  });
});
