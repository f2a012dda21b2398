import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamespaceCoverage } from '../../model/coverage.ts';
import { coverageSince } from './coverage.ts';

type Counts = readonly [active: number, passive: number];

const counters = ([activeOpens, passiveOpens]: Counts) => ({ activeOpens, passiveOpens, retransSegs: 99 });

/** A namespace by its cookie: what Sonde saw of it and what the kernel counted, since the start. */
const compared = (cookie: string, seen: Counts, kernel = seen): NamespaceCoverage => ({
  'network.namespace': 1,
  'network.namespace.cookie': cookie,
  seen: counters(seen),
  kernel: counters(kernel),
  difference: {},
});

const outOfReach = (cookie: string, seen: Counts): NamespaceCoverage => ({
  'network.namespace': 1,
  'network.namespace.cookie': cookie,
  seen: counters(seen),
  unreachable: 'gone',
});

test('this window\u2019s opens of all namespaces, ours and the kernel\u2019s', () => {
  const before = {};
  assert.deepEqual(coverageSince(before, [compared('1', [3, 2]), compared('2', [1, 0], [2, 0])]), {
    seen: 6,
    kernel: 7,
    unreachable: 0,
  });
  assert.deepEqual(coverageSince(before, [compared('1', [4, 2]), compared('2', [1, 0], [2, 0])]), {
    seen: 1,
    kernel: 1,
    unreachable: 0,
  });
  assert.deepEqual(coverageSince(before, []), { seen: 0, kernel: 0, unreachable: 0 });
});

test('one out of reach adds nothing, and nothing twice when it is back', () => {
  const before = {};
  const windows = [[compared('1', [5, 0])], [outOfReach('1', [900, 0])], [compared('1', [8, 0])]].map(
    (namespaces) => coverageSince(before, namespaces),
  );
  assert.deepEqual(windows, [
    { seen: 5, kernel: 5, unreachable: 0 },
    { seen: 0, kernel: 0, unreachable: 1 },
    { seen: 3, kernel: 3, unreachable: 0 },
  ]);
});

test('one that was never in reach is in neither sum', () => {
  assert.deepEqual(coverageSince({}, [outOfReach('7', [5, 5])]), {
    seen: 0,
    kernel: 0,
    unreachable: 1,
  });
});
