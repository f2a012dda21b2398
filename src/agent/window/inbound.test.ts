import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noInbound } from '../../../test/observations.ts';
import {
  noCounts,
  type InboundCounts,
  type NamespaceObservation,
  type Reading,
} from '../../model/observation.ts';
import { inboundSince, type InboundTotals } from './inbound.ts';

function reading(inbound: Partial<InboundCounts>): Reading {
  return { before: noCounts, kernel: noCounts, after: noCounts, inbound: { ...noInbound, ...inbound } };
}

const counts = { id: 1, cookie: 5n, inode: 7, counters: noCounts, untracked: 0 };

function observed(now: Partial<InboundCounts>): NamespaceObservation {
  return { counts, baseline: reading({ listenDrops: 100, listenOverflows: 2 }), now: reading(now) };
}

test('what was added in each window, without what was there before', () => {
  const told: Record<string, InboundTotals> = {};
  const since = (now: Partial<InboundCounts>) => inboundSince(told, observed(now));
  const before = { listenDrops: 100, listenOverflows: 2 };
  assert.deepEqual(since(before), {});
  assert.deepEqual(told, {}, 'nothing to remember of a quiet one');
  assert.deepEqual(since({ ...before, listenDrops: 103 }), { inbound: { listenDrops: 3 } });
  assert.deepEqual(since({ ...before, listenDrops: 103 }), {});
  assert.deepEqual(inboundSince(told, { counts, unreachable: 'gone' }), {});
  const kept = JSON.parse(JSON.stringify(told)) as Record<string, InboundTotals>;
  const later = observed({ ...before, listenDrops: 104, embryonicRsts: 9 });
  assert.deepEqual(inboundSince(kept, later), { inbound: { listenDrops: 1, embryonicRsts: 9 } });
});
