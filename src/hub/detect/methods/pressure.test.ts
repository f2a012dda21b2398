import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps, thresholdsOf } from '../../../../test/detecting.ts';
import { method } from './pressure.ts';

const thresholds = thresholdsOf('retry-storms');
const stepMs = 30_000;
const run = (steps: Parameters<typeof runSteps>[1]) => runSteps(method, steps, { thresholds, stepMs });

test('a storm is found on its second step, with p = (A - 2 S) / (A + 1)', () => {
  const steps = run([
    { attempts: 100, established: 0 },
    { attempts: 100, established: 0 },
  ]);
  assert.deepEqual(
    steps.map(({ firings }) => firings.length),
    [0, 1],
  );
  // Half of a minute later the first hundred is 100 / √2.
  const a = 100 + 100 / Math.SQRT2;
  assert.equal(steps[1]?.firings[0]?.statistic, a / (a + 1));
});

test('as many established as failed is no pressure; five in vain every half minute are too few', () => {
  for (const seen of [
    { attempts: 200, established: 100 },
    { attempts: 5, established: 0 },
  ]) {
    const steps = run(Array.from({ length: 20 }, () => seen));
    assert.deepEqual(
      steps.flatMap(({ firings }) => firings),
      [],
    );
  }
});

test('two steps apart are not one after the other', () => {
  const storm = { attempts: 100, established: 0 };
  assert.equal(run([storm, undefined, storm]).at(-1)?.firings.length, 0);
});

test('what fails in every hour is usual after three, and a storm from five times as much on', () => {
  const hour = Array.from({ length: 120 }, () => ({ attempts: 15, established: 0 }));
  const storm = Array.from({ length: 4 }, () => ({ attempts: 200, established: 0 }));
  const all = run([...hour, ...hour, ...hour, ...hour, ...storm]);
  const fired = all.map(({ firings }) => firings.length);
  assert.equal(fired.slice(0, 120).includes(1), true, 'nobody knows it yet');
  assert.deepEqual([...new Set(fired.slice(361, 480))], [0]);
  assert.equal(fired.at(-1), 1);
});

test('three nodes, or five workloads, make it critical', () => {
  const of = (more: Record<string, number>) => {
    const storm = { attempts: 100, established: 0, ...more };
    return run([storm, storm])[1]?.firings[0]?.severity;
  };
  assert.equal(of({ nodes: 2, workloads: 4 }), 'warning');
  assert.equal(of({ nodes: 3, workloads: 1 }), 'critical');
  assert.equal(of({ nodes: 1, workloads: 5 }), 'critical');
});
