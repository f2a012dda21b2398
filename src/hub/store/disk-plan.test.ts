import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planDrops, type StoredPartition } from './disk-plan.ts';

const nowMs = Date.parse('2026-03-05T00:10:00Z');

/** Of each table these partitions, 10 bytes each. */
function stored(tables: Readonly<Record<string, readonly string[]>>, node = 0): StoredPartition[] {
  return Object.entries(tables).flatMap(([table, partitions]) =>
    partitions.map((partition) => ({ node, table, partition, bytes: 10 })),
  );
}

/** What goes for so many bytes, as `level partition`. */
function dropped(partitions: readonly StoredPartition[], ...lacking: number[]): string[] {
  return planDrops(partitions, { lacking, nowMs }).drops.map(
    ({ level, partition }) => `${level} ${partition}`,
  );
}

const days = ['20260301', '20260302', '20260303', '20260304', '20260305'];
const months = ['202601', '202602', '202603'];
const all = stored({ flows: days, windows: days, flows_1m: days, flows_1h: months });

describe('what goes', () => {
  test('nothing where there is room', () => {
    assert.deepEqual(dropped(all, 0), []);
  });

  test('a day of all tables of the level, the oldest first', () => {
    const { drops, isEnough } = planDrops(all, { lacking: [20], nowMs });
    assert.equal(isEnough, true);
    assert.deepEqual(drops, [
      {
        level: 'flows',
        partition: '20260301',
        tables: ['flows', 'windows'],
        bytes: [20],
        fromMs: Date.UTC(2026, 2, 1),
        untilMs: Date.UTC(2026, 2, 2),
      },
    ]);
    assert.deepEqual(dropped(all, 21), ['flows 20260301', 'flows 20260302']);
  });

  test('the finest level first; two of each stay as long as anything else can go', () => {
    const first = ['20260301', '20260302', '20260303'];
    const older = [...first.map((day) => `flows ${day}`), ...first.map((day) => `minutes ${day}`)];
    const oldMonth = [...older, 'hours 202601'];
    assert.deepEqual(dropped(all, 100), oldMonth);
    assert.deepEqual(dropped(all, 101), [...oldMonth, 'flows 20260304']);
  });

  test('never the newest of a level', () => {
    const { drops, isEnough } = planDrops(all, { lacking: [1000], nowMs });
    assert.equal(isEnough, false);
    const gone = drops.map(({ level, partition }) => `${level} ${partition}`);
    assert.deepEqual(gone.slice(-3), ['flows 20260304', 'minutes 20260304', 'hours 202602']);
    assert.equal(drops.length, 10);
  });

  test('nothing of what is dated ahead, and it is not taken for the newest', () => {
    const ahead = stored({ flows: ['20260304', '20260305', '20260306', '20270101'] });
    assert.deepEqual(dropped(ahead, 1000), ['flows 20260304']);
  });

  test('no sums of which the parts are still there', () => {
    const late = stored({ flows: ['20260101', '20260305'], flows_1h: months });
    assert.deepEqual(dropped(late, 1000), ['flows 20260101', 'hours 202601', 'hours 202602']);
    const only = stored({ flows: ['20260101'], flows_1h: months });
    assert.deepEqual(dropped(only, 1000), []);
  });

  test('no table that is kept for ever or has no partitions', () => {
    const kept = stored({ nodes: ['all'], findings: ['all'], migrations: ['all'], strange: days });
    assert.deepEqual(dropped(kept, 1000), []);
  });

  test('on several nodes the same of all, until each has room', () => {
    const both = [...stored({ flows: days }, 0), ...stored({ flows: days.slice(2) }, 1)];
    assert.deepEqual(dropped(both, -5, 10), ['flows 20260301', 'flows 20260302', 'flows 20260303']);
  });
});
