/** Nothing lost, nothing twice, while the engine is killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEngines } from '../../../test/engines.ts';
import { systemClock } from '../../lib/clock.ts';
import { prng } from '../../lib/prng.ts';
import { crashTrial } from './crash-trial.ts';
import { openStore } from './store.ts';

const killsMin = 15;

test(`${killsMin} kills of the engine during inserts`, async (t) => {
  const clock = systemClock;
  await using engines = await openEngines({ backOffMsMax: 200 });
  const result = await crashTrial({
    engines: engines.all,
    openStore: () => openStore(engines.place),
    prng: prng(3),
    clock,
    killsMin,
  });
  t.diagnostic(JSON.stringify({ ...result, restarts: engines.restarts() }));
  assert.ok(result.interrupted > 0, 'no kill met an insert');
});
