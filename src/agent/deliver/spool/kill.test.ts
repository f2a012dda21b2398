/** kill -9 at any moment: what was promised is delivered, and nothing twice. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import { entropySeed, prng } from '../../../lib/prng.ts';
import { openDelivery } from '../delivery.ts';

const rounds = 10;

/** Commits windows and delivers events as fast as it can; says which windows are promised. */
const writer = `
  import { openDelivery } from ${JSON.stringify(new URL('../delivery.ts', import.meta.url).href)};
  import { systemClock } from ${JSON.stringify(new URL('../../../lib/clock.ts', import.meta.url).href)};
  import { silentLog } from ${JSON.stringify(new URL('../../../lib/log.ts', import.meta.url).href)};
  const [folder, path] = process.argv.slice(1);
  const exporters = { jsonl: { path, max_size: 1e9, keep: 1, names: 'canonical' } };
  const config = { exporters, spool: { max_size: 1e9, drain: 0 } };
  const parts = { folder, bootId: 'b-1', clock: systemClock, log: silentLog };
  const delivery = await openDelivery(config, parts);
  const labels = { 'boot.id': 'b-1', 'agent.instance': 'main' };
  const flow = (number, i) => ({ 'event.name': 'sonde.flow', ...labels, 'window.number': number, i });
  for (let number = (delivery.resumed()?.number ?? 0) + 1; ; number++) {
    await delivery.deliver([{ 'event.name': 'sonde.connection', ...labels }]);
    const records = Array.from({ length: (number * 997) % 2500 }, (_, i) => flow(number, i));
    const closing = {
      'event.name': 'sonde.window', ...labels, 'window.number': number, 'window.records': records.length };
    await delivery.commit({ records, closing, state: { number } });
    process.stdout.write(number + '\\n');
  }`;

async function writeUntilKilled(args: readonly string[], afterMs: number): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
    await once(child.stdout, 'data');
    await systemClock.sleep(afterMs);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    return Number(told.trimEnd().split('\n').at(-1));
  } finally {
    child.kill('SIGKILL');
  }
}

interface Line {
  readonly 'event.name': string;
  readonly 'record.sequence': number;
  readonly 'window.number': number;
  readonly 'window.records': number;
}

test('every promised window is there once and whole, in order', { timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-kill-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'out.jsonl');
  const seed = entropySeed();
  t.diagnostic(`seed ${seed}`);
  const chance = prng(seed);
  let promised = 0;
  for (let round = 0; round < rounds; round++) {
    promised = await writeUntilKilled([folder, path], chance.below(200));
  }

  const config = {
    exporters: { jsonl: { path, max_size: 1e9, keep: 1, names: 'canonical' } },
    spool: { max_size: 1e9, drain: 120_000 },
  };
  const delivery = await openDelivery(config, { folder, bootId: 'b-1', clock: systemClock, log: silentLog });
  const resumed = delivery.resumed();
  await delivery[Symbol.asyncDispose]();
  assert.deepEqual(delivery.losses(), {});
  assert.ok(
    resumed && resumed.number >= promised && resumed.number <= promised + 1,
    'at most one was not told',
  );

  let [last, number, rows] = [0, 0, 0];
  for (const text of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    const line = JSON.parse(text) as Line;
    assert.ok(line['record.sequence'] > last, 'twice, or out of order');
    last = line['record.sequence'];
    if (line['event.name'] === 'sonde.flow') rows++;
    if (line['event.name'] !== 'sonde.window') continue;
    assert.equal(line['window.number'], number + 1);
    assert.equal(line['window.records'], rows);
    [number, rows] = [number + 1, 0];
  }
  assert.equal(number, resumed.number);
});
