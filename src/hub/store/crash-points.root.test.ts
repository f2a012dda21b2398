/**
 * The engine killed at exactly the moments that matter: a part's token is in the deduplication log, and the
 * part is not in its place yet. strace kills it as it enters the n-th rename of an insert.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { openEngine } from '../engine/engine.ts';
import type { Engine } from '../engine/engine.ts';
import { rowOf } from './crash-trial.ts';
import { openStore, packing } from './store.ts';
import type { Store } from './store.ts';

/** One part each of flows, flows_1m, flows_1h. */
const parts = 3;
const readyMsMax = 120_000;
const clock = systemClock;

/** Resolves when it watches; its own end follows the engine's. */
async function killAtRename(pid: number, number: number): Promise<{ ended: Promise<unknown> }> {
  const inject = `inject=rename:signal=KILL:when=${number}`;
  const strace = spawn('strace', ['-f', '-p', String(pid), '-e', 'trace=rename', '-e', inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(strace, 'exit');
  for await (const line of createInterface(strace.stderr)) if (line.includes('attached')) break;
  strace.stderr.resume();
  return { ended };
}

async function becomesReady(engine: Engine, restarts: number): Promise<void> {
  const endMs = clock.bootMs() + readyMsMax;
  while (engine.restarts() < restarts || !engine.ready()) {
    assert.ok(clock.bootMs() < endMs, 'the engine does not come back');
    await clock.sleep(20);
  }
}

async function opened(store: Store): Promise<readonly number[]> {
  const sums = ['flows', 'flows_1m', 'flows_1h'].map(async (table) => {
    const query = `SELECT toUInt32(sum(connections_opened)) AS opened FROM ${table}`;
    const answer = await store.admin.query({ query, format: 'JSONEachRow' });
    return (await answer.json<{ opened: number }>())[0]?.opened ?? 0;
  });
  return Promise.all(sums);
}

test('a kill between token and part', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-store-'));
  t.after(() => rm(folder, { recursive: true }));
  await using engine = await openEngine({ folder, memoryMaxBytes: 1e9, log: silentLog, clock });
  const place = { url: engine.url, database: 'sonde', hub: engine.hub, ask: engine.ask, clock };
  await using store = await openStore(place);
  // Each in an hour of its own, so that no merge of an earlier one renames in between.
  await store.admin.command({ query: 'SYSTEM STOP MERGES' });
  const tokensAlone: number[][] = [];
  for (let number = 1; number <= parts; number++) {
    const values = {
      window_start: `2026-03-0${number}T10:00:10.000Z`,
      host_name: 'web-1',
      boot_id: 'boot',
      agent_instance: 'main',
      record_sequence: number,
      connections_opened: 1,
    };
    const rows = packing.packTables({ flows: [rowOf(store, 'flows', values)] });
    const block = { id: `block-${number}`, rows };
    const { ended } = await killAtRename(engine.pid() ?? 0, number);
    await assert.rejects(store.insert({ ...block, fresh: true }), `rename ${number} killed nothing`);
    await ended;
    await becomesReady(engine, number);
    await store.admin.command({ query: 'SYSTEM STOP MERGES' });

    await store.admin.insert({
      table: 'flows',
      columns: store.tables.flows as [string, ...string[]],
      values: [rowOf(store, 'flows', values)],
      format: 'JSONCompactEachRow',
      clickhouse_settings: {
        insert_deduplication_token: `${block.id}:flows`,
        deduplicate_blocks_in_dependent_materialized_views: 1,
        date_time_input_format: 'best_effort',
      },
    });
    tokensAlone.push((await opened(store)).map((sum) => sum - (number - 1)));

    await store.insert(block);
    assert.deepEqual(await opened(store), [number, number, number]);
    await store.insert(block);
    assert.deepEqual(await opened(store), [number, number, number]);
  }
  t.diagnostic(`flows, 1m and 1h of one row replayed by its token alone: ${JSON.stringify(tokensAlone)}`);
});
