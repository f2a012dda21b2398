import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelTypes } from '../../../test/kernel-types.ts';
import { openControl, type ControlWords } from './control.ts';

const types = kernelTypes();

interface Words {
  readonly words: ControlWords;
  /** A word of `struct control`, as the programs see it. */
  readonly seen: (name: string) => bigint;
  readonly set: (name: string, value: bigint, at?: number) => void;
}

function words(): Words {
  const [outer, inner] = [types.layout('shared'), types.layout('control')];
  const buffer = new ArrayBuffer(4096);
  const view = new DataView(buffer);
  return {
    words: openControl(types, buffer),
    seen(name) {
      const { offset, size } = inner.field(name);
      const at = outer.field('control').offset + offset;
      return size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    },
    set(name, value, at = 0) {
      const { offset, size } = outer.field(name);
      if (size === 8) view.setBigUint64(offset + 8 * at, value, true);
      else view.setUint32(offset, Number(value), true);
    },
  };
}

test('what the agent sets is where the programs look', () => {
  const it = words();
  it.words.set({ trace: true, slowUs: 1500, detailClosed: true });
  it.words.set({ detailClosed: false });
  it.words.orphanAfter({ idleNs: 3_600_000_000_000n, nowNs: 2n ** 40n + 7n });
  it.words.budget({ perSecond: 1000, burst: 10 }, { perSecond: 1, burst: 1 }, { perSecond: 5, burst: 5 });
  it.words.dnsPorts([53, 5353]);
  assert.deepEqual(
    [
      'trace',
      'slow_us',
      'detail_closed',
      'scoped',
      'seen_ns',
      'orphan_ns',
      'event_gap_ns',
      'event_burst_ns',
      'dns_ports',
    ].map(it.seen),
    [1n, 1500n, 0n, 0n, 2n ** 40n + 7n, 3_600_000_000_000n, 1_000_000n, 10_000_000n, 53n],
  );
});

test('a window is closed and cleared; closed again, it keeps the time when that began', () => {
  const { words: it } = words();
  assert.deepEqual(it.position(), { window: 0, cleared: 0, closedAtMs: 0 });
  it.beginClosing(1, 1_700_000_000_000.4);
  assert.deepEqual(it.position(), { window: 1, cleared: 0, closedAtMs: 1_700_000_000_000 });
  it.beginClosing(1, 1_700_000_009_000);
  it.endClearing(1);
  assert.deepEqual(it.position(), { window: 1, cleared: 1, closedAtMs: 1_700_000_000_000 });
});

test('stopped by the agent', () => {
  const { words: it } = words();
  assert.equal(it.stopped(), 'no');
  it.stop();
  assert.equal(it.stopped(), 'by_agent');
});

test('what the programs count, by name', () => {
  const it = words();
  it.set('losses', 2n ** 40n, 1);
  const losses = it.words.losses();
  assert.equal(losses['events_ring_full'], 2 ** 40);
  assert.equal(losses['events_suppressed'], 0);
  assert.ok(!('count' in losses));
});

test('resets by the kernel\u2019s number of the reason', () => {
  const { words: it, set } = words();
  const { offset, count } = types.layout('shared').field('resets');
  assert.ok(offset % 8 === 0 && count > 32);
  set('resets', 5n, 1);
  set('resets', 2n, count - 1);
  const counts = it.resets();
  assert.deepEqual([counts.length, counts[0], counts[1], counts[count - 1]], [count, 0, 5, 2]);
});
