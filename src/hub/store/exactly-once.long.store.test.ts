/** Nothing lost, nothing twice, while the engine is killed, often. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { prng } from '../../lib/prng.ts';
import { openEngine } from '../engine/engine.ts';
import { crashTrial } from './crash-trial.ts';
import { openStore } from './store.ts';

const killsMin = 150;

test(`${killsMin} kills of the engine during inserts`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-store-'));
  t.after(() => rm(folder, { recursive: true }));
  const clock = systemClock;
  await using engine = await openEngine({
    folder,
    memoryMaxBytes: 1e9,
    log: silentLog,
    clock,
    backOffMsMax: 200,
  });
  const place = { url: engine.url, database: 'sonde', hub: engine.hub, ask: engine.ask, clock };
  const result = await crashTrial({
    engine,
    openStore: () => openStore(place),
    prng: prng(4),
    clock,
    killsMin,
  });
  t.diagnostic(JSON.stringify({ ...result, restarts: engine.restarts() }));
  assert.ok(result.interrupted >= 80, `only ${result.interrupted} kills met an insert`);
});
