import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, budgetOf } from '../../test/agent-bench.ts';
import { manualClock } from '../lib/clock.ts';
import { vitalSigns, type VitalSigns } from './vitals.ts';

interface Watched {
  readonly bench: Bench;
  readonly signs: VitalSigns;
}

/** An agent whose clock is that of its vital signs. */
function watched(): Watched {
  const beat = { of: (): void => undefined };
  const bench = new Bench({ beat: () => beat.of(), budget: budgetOf() });
  const signs = vitalSigns(bench.clock, () => 1000);
  beat.of = signs.beat;
  signs.serve(bench.agent);
  return { bench, signs };
}

test('an agent that runs comes round, and its windows end', async () => {
  const { bench, signs } = watched();
  bench.start();
  await bench.clock.advance(3300);
  const { quietMs, windowAgoMs, windowMs, counting, step } = signs.vitals()!;
  assert.ok(quietMs <= 100, String(quietMs));
  assert.ok(windowAgoMs >= 200 && windowAgoMs <= 400, String(windowAgoMs));
  assert.deepEqual([windowMs, counting, step], [1000, true, 'everything']);
  await bench.stop();
});

test('one whose window does not get to the disk stands still', async () => {
  const { bench, signs } = watched();
  const slow = Promise.withResolvers<undefined>();
  bench.slow = slow.promise;
  bench.start();
  await bench.clock.advance(90_000);
  const { quietMs, windowAgoMs } = signs.vitals()!;
  assert.ok(quietMs > 88_000 && windowAgoMs > 88_000, `${String(quietMs)} ${String(windowAgoMs)}`);
  slow.resolve(undefined);
  await bench.clock.advance(200);
  assert.ok(signs.vitals()!.quietMs <= 100);
  await bench.stop();
});

test('a window that was a long one gives the next as much time', async () => {
  const { bench, signs } = watched();
  bench.start();
  await bench.clock.advance(1000);
  const slow = Promise.withResolvers<undefined>();
  bench.slow = slow.promise;
  await bench.clock.advance(30_000);
  slow.resolve(undefined);
  await bench.clock.advance(1000);
  assert.ok(signs.vitals()!.windowMs > 10_000);
  await bench.clock.advance(2000);
  assert.equal(signs.vitals()!.windowMs, 1000);
  await bench.stop();
});

test('nobody to ask yet: it only starts', () => {
  assert.equal(vitalSigns(manualClock(), () => 1000).vitals(), undefined);
});
