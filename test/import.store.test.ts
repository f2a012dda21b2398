/** `sonde import` into a real hub: what was made up is what is stored, once, however often it is imported. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { prng } from '../src/lib/prng.ts';
import type { Answer } from '../src/question/contract.ts';
import { makeHub, type RealHub } from './real-hub.ts';
import { packed, zeekJson, zeekLine, zeekTsv, type ZeekLine } from './zeek-log.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-import-'));
let hub: RealHub;

before(async () => {
  hub = await makeHub();
  await hub.start();
});

after(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, SONDE_HUB: hub.url };
    const child = execFile(sonde, words, { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

function written(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

async function ask(environment: string): Promise<Answer> {
  const words = ['connections', '--since', '3h', '--environment', environment, '--limit', '1000', '--json'];
  const { stdout, stderr, code } = await run('ask', ...words);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Answer;
}

function ended({ rows }: Answer): number {
  return rows.reduce((sum, row) => sum + Number(row['connections.ended']), 0);
}

/** The hub acknowledges before it stores. */
async function stored(environment: string, count: number): Promise<Answer> {
  for (let left = 100; left > 0; left--) {
    const answer = await ask(environment);
    if (ended(answer) >= count) return answer;
    await sleep(100);
  }
  return ask(environment);
}

const hourMs = 3_600_000;

/** An hour of `count` connections; every tenth is refused. */
function traffic(count: number, startMs: number): ZeekLine[] {
  const chance = prng(3);
  return Array.from({ length: count }, (_, i) =>
    zeekLine({
      ts: (startMs + hourMs * chance.unit()) / 1000,
      uid: `C${i}`,
      'id.orig_h': `10.1.0.${1 + chance.below(4)}`,
      'id.resp_h': `10.2.0.${1 + chance.below(10)}`,
      duration: 30 * chance.unit(),
      conn_state: i % 10 === 0 ? 'REJ' : 'SF',
    }),
  );
}

describe('sonde import', () => {
  const recent = Date.now() - 2 * hourMs;
  const lines = traffic(4000, recent);

  test('--dry-run says what is in a log, and sends nothing', async () => {
    const { code, stdout } = await run('import', '--dry-run', written('dry.log', zeekTsv(lines)));
    assert.equal(code, 0);
    assert.match(stdout, /dry\.log: 4009 lines, 4000 connections of 4 nodes/);
    assert.match(stdout, /3600 closed, 400 refused; 400 kB sent, 8\.0 MB received/);
    assert.equal((await ask('imported')).rows.length, 0);
  });

  test('stores each connection once: again, from a copy, compressed', async () => {
    const file = written('conn.log', zeekTsv(lines));
    const first = await run('import', file);
    assert.equal(first.code, 0, first.stderr);
    const records = /: (\d+) records stored/.exec(first.stdout)?.[1];
    const copy = written('copy.log.gz', packed(zeekTsv(lines)));
    for (const again of [file, copy]) {
      const second = await run('import', again);
      assert.equal(second.code, 0, second.stderr);
      assert.match(second.stdout, /: 0 records stored$/m);
      assert.match(second.stdout, new RegExp(`^  ${records} records there before: not counted twice$`, 'm'));
    }
    const answer = await stored('imported', lines.length);
    assert.equal(ended(answer), lines.length);
    const refused = answer.rows.filter((row) => row['connection.state'] === 'refused');
    assert.equal(
      refused.reduce((sum, row) => sum + Number(row['connections.ended']), 0),
      400,
    );
  });

  test('what the answer rests on: four nodes, no silence, and of what share nobody knows', async () => {
    const { coverage } = await stored('imported', lines.length);
    assert.equal(coverage.nodes.of, 4);
    assert.equal(coverage.connections.ratio, null);
    assert.equal(coverage.attribution.ratio, 0);
    assert.ok(
      !coverage.notes.some((note) => /missing|did not arrive|silent/.test(note)),
      coverage.notes.join('; '),
    );
  });

  test('old logs: refused by name, and taken with --shift now', async () => {
    const old = written('old.json', zeekJson(traffic(500, Date.UTC(2019, 2, 4))));
    const refused = await run('import', '--environment', 'old', old);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /^sonde: .*old\.json ends at 2019-03-04T0\S+, and the hub takes nothing that is older/m,
    );
    const shifted = await run('import', '--environment', 'old', '--host', 'sensor', '--shift', 'now', old);
    assert.equal(shifted.code, 0, shifted.stderr);
    const answer = await stored('old', 500);
    assert.equal(ended(answer), 500);
    assert.deepEqual([...new Set(answer.rows.map((row) => row['host.name']))], ['sensor']);
    const again = await run('import', '--environment', 'old', '--host', 'sensor', '--shift', 'now', old);
    assert.match(again.stdout, /: 0 records stored$/m);
  });

  test('bad lines are named, the rest is stored, and the exit code says it', async () => {
    const some = zeekJson(traffic(20, recent));
    const file = written(
      'bad.json',
      `${some}nonsense\n${'x'.repeat(1 << 20)}\n${JSON.stringify(zeekLine({ ts: 1 }))}`,
    );
    const { code, stdout } = await run('import', '--environment', 'bad', file);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /not read: 2 lines \(line 21: no #fields stand above it; line 22: it is longer than/,
    );
    assert.match(stdout, /\d+ records too old or in the future: not sent/);
    assert.equal(ended(await stored('bad', 20)), 20);
  });

  test('what cannot be imported at all', async () => {
    const gzip = packed(zeekTsv(lines));
    const cut = await run('import', written('cut.log.gz', gzip.subarray(0, gzip.length / 2)));
    assert.equal(cut.code, 2);
    assert.match(
      cut.stderr,
      /^sonde: \S+cut\.log\.gz ends before its end, so nothing of it was imported; get/,
    );
    const none = await run('import', written('empty.log', ''));
    assert.equal(none.code, 1);
    assert.match(none.stderr, /there is no connection to import/);
    const away = await run('import', '--hub', 'http://127.0.0.1:1', written('away.log', zeekTsv(lines)));
    assert.match(away.stderr, /^sonde: no hub answers on http:\/\/127\.0\.0\.1:1/);
  });
});
