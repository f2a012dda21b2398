import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterStep, nothingTailed, tailedMax } from './tailing.ts';
import type { Tailed, TailStep } from './tailing.ts';

function after(...steps: TailStep[]): Tailed {
  return steps.reduce(afterStep, nothingTailed());
}

const begin = { event: 'begin', value: { table: 'flows', filter: '', columns: [], glance: 3 } };
const row = (n: number) => ({ event: 'row', value: { n } });

test('the newest is first, and the oldest make room', () => {
  const some = after(
    { kind: 'start', url: '/a' },
    { kind: 'events', events: [begin, row(1), row(2)] },
    { kind: 'events', events: [row(3), { event: 'lost', value: { rate: 2, slow: 5 } }] },
  );
  assert.deepEqual(some.rows, [{ n: 3 }, { n: 2 }, { n: 1 }]);
  assert.deepEqual([some.told, some.lost, some.isOpen, some.glance], [3, 7, true, 3]);
  const many = Array.from({ length: tailedMax + 1 }, (_, i) => row(i));
  const full = afterStep(some, { kind: 'events', events: many });
  assert.equal(full.rows.length, tailedMax);
  assert.deepEqual(full.rows[0], { n: tailedMax });
  assert.equal(full.told, tailedMax + 4);
});

test('what was told stays while the hub is away, and goes with the filter', () => {
  const problem = { title: 'away', detail: '', whatToDo: '', isPassing: true };
  const away = after(
    { kind: 'start', url: '/a' },
    { kind: 'events', events: [begin, row(1)] },
    { kind: 'failed', problem },
    { kind: 'start', url: '/a' },
  );
  assert.deepEqual([away.rows.length, away.isOpen, away.problem], [1, false, problem]);
  const back = afterStep(away, { kind: 'events', events: [begin] });
  assert.deepEqual([back.rows.length, back.isOpen, back.problem], [1, true, undefined]);
  assert.deepEqual(afterStep(back, { kind: 'start', url: '/b' }), nothingTailed('/b'));
});
