/** A hub is backed up and restored elsewhere with the lines of docs/operating/backup.md. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubStatus } from '../src/hub/hub.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { Answer } from '../src/question/contract.ts';
import { flow, logsRequest, plainWire, windowEnd } from './otlp.ts';
import { makeHub, type RealHub } from './real-hub.ts';

const checkout = join(import.meta.dirname, '..');

/** The lines of the page that copy and move. */
const lines = readFileSync(join(checkout, 'docs/operating/backup.md'), 'utf8')
  .split('\n')
  .filter((line) => /^ {4}(cp|mv) /.test(line));
const [backUp = '', ...restore] = lines;

function run(commands: readonly string[], { data }: RealHub, backup: string): void {
  const here = commands.map((line) =>
    line.replaceAll('/var/lib/sonde/hub', data).replaceAll('/var/backups/sonde-hub', backup),
  );
  execFileSync('sh', ['-ec', here.join('\n')]);
}

async function statusOf({ url }: RealHub): Promise<HubStatus> {
  return (await (await fetch(`${url}/api/v1/status`)).json()) as HubStatus;
}

/** So many windows, one flow to each of ten ports in each. */
function records(windows: number): Parameters<typeof logsRequest>[0] {
  const nowMs = systemClock.wallMs();
  return Array.from({ length: windows }, (_, window) => {
    const endMs = nowMs - (windows - window) * 10_000;
    const end = new Date(endMs).toISOString();
    const times = {
      time: end,
      'window.number': window + 1,
      'window.start': new Date(endMs - 10_000).toISOString(),
      'window.end': end,
    };
    const first = window * 11 + 1;
    const flows = Array.from({ length: 10 }, (_, port) =>
      flow(first + port, { ...times, 'destination.port': 8000 + port, 'bytes.sent': 10 }),
    );
    return [...flows, windowEnd(first + 10, times)];
  }).flat();
}

/** Returns when the store has them. */
async function send(hub: RealHub, of: Parameters<typeof logsRequest>[0]): Promise<HubStatus['records']> {
  const { body, headers } = logsRequest(of, plainWire);
  const { status } = await fetch(`${hub.url}/v1/logs`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers,
  });
  assert.equal(status, 200);
  for (;;) {
    const now = await statusOf(hub);
    if (now.journal.pendingBlocks === 0) return now.records;
    await sleep(50);
  }
}

function ask({ url }: RealHub, range: readonly string[]): Answer['rows'] {
  const { status, stdout, stderr } = spawnSync(
    join(checkout, 'bin/sonde'),
    ['ask', 'connections', '--hub', url, '--json', ...range],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return (JSON.parse(stdout) as Answer).rows;
}

test('a restored hub answers as before, and knows what it has', { timeout: 240_000 }, async () => {
  await using first = await makeHub();
  await using second = await makeHub();
  const folder = mkdtempSync(join(tmpdir(), 'sonde-backup-'));
  try {
    assert.equal(lines.length, 3);
    const backup = join(folder, 'sonde-hub');
    const told = records(60);
    const nowMs = systemClock.wallMs();
    const range = [
      ...['--from', new Date(nowMs - 3_600_000).toISOString()],
      ...['--to', new Date(nowMs + 60_000).toISOString()],
    ];
    await first.start();
    assert.deepEqual(await send(first, told), { stored: 660, duplicates: 0, rejected: 0 });
    const before = ask(first, range);
    assert.equal(before.length, 10);
    await first.stop();
    run([backUp], first, backup);

    await second.start(); // as whoever restores may have one there
    await second.stop();
    run(restore, second, backup);
    await second.start();
    assert.deepEqual(ask(second, range), before);
    assert.equal((await send(second, told)).duplicates, 660);
    assert.deepEqual(ask(second, range), before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
