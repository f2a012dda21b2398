import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { curl, node } from '../../../test/observations.ts';
import type { Listener, ListenerCounts } from '../../model/observation.ts';
import type { ListenerRecord } from '../../model/record.ts';
import { listenerTeller, newListenerMemory, type ListenerMemory } from './listeners.ts';
import { keepsAll } from './policy/policy.ts';

const counts: ListenerCounts = { drops: 0, synackRetransmits: 0, resetsSent: 0 };
const nginx: Listener = {
  cookie: '9',
  netns: 1,
  owner: 3,
  pid: 42,
  pidStartedNs: 5_000_000_000,
  attribution: 'exact',
  address: '::',
  family: 'ipv6',
  port: 443,
  backlog: 2,
  backlogMax: 511,
  waitingMs: 12,
  counts,
  first: 1,
  gone: false,
};

const minuteMs = 60_000;

/** Window n ends n minutes after the epoch; what it tells of the listeners that it found. */
function telling(memory: ListenerMemory = newListenerMemory()) {
  const tell = listenerTeller({ node, policy: keepsAll }, memory);
  return (number: number, ...listeners: Listener[]): ListenerRecord[] =>
    tell(
      {
        listeners: listeners.map((of) => ({ of, process: curl, netnsInode: 7 })),
        times: { ofBoot: (ns) => `boot+${String(ns / 1e9)}s` },
      },
      { number, start: '', end: new Date(number * minuteMs).toISOString(), last: false },
    );
}

const changesOf = (records: readonly ListenerRecord[]) => records.map((r) => r['listener.changes']);

describe('a listener is told', () => {
  test('when it appears, in full', () => {
    assert.deepEqual(telling()(1, nginx), [
      {
        'event.name': 'sonde.listener',
        time: '1970-01-01T00:01:00.000Z',
        'window.number': 1,
        'listener.id': 'b-1-9',
        'listener.changes': ['appeared'],
        ...node,
        ...curl,
        'process.pid': 42,
        'process.start': 'boot+5s',
        attribution: 'exact',
        'destination.ip': '::',
        'destination.port': 443,
        'network.transport': 'tcp',
        'network.type': 'ipv6',
        'network.namespace': 7,
        'listener.backlog': 2,
        'listener.backlog_max': 511,
        'listener.waiting_ms': 12,
        'listener.drops': 0,
        'listener.synack_retransmits': 0,
        'listener.resets_sent': 0,
      },
    ]);
  });

  test('when its owner or its limit is another one, and not when its queue is', () => {
    const tell = telling();
    tell(1, nginx);
    assert.deepEqual(tell(2, { ...nginx, backlog: 100 }), []);
    assert.deepEqual(changesOf(tell(3, { ...nginx, pid: 43 })), [['owner']]);
    assert.deepEqual(changesOf(tell(4, { ...nginx, pid: 43, backlogMax: 5 })), [['limit']]);
    assert.deepEqual(tell(5, { ...nginx, pid: 43, backlogMax: 5 }), []);
  });

  test('with every window while somebody has waited for a second', () => {
    const tell = telling();
    tell(1, nginx);
    assert.deepEqual(tell(2, { ...nginx, waitingMs: 999 }), []);
    for (const number of [3, 4])
      assert.deepEqual(changesOf(tell(number, { ...nginx, waitingMs: 1000 })), [['waiting']]);
    assert.deepEqual(tell(5, { ...nginx, waitingMs: 0 }), []);
    assert.deepEqual(changesOf(tell(6, { ...nginx, waitingMs: 5000, gone: true })), [['gone']]);
  });

  test('without a time where none is known', () => {
    const [record] = telling()(1, { ...nginx, waitingMs: null });
    assert.equal(record?.['listener.waiting_ms'], undefined);
  });

  test('when an hour has passed since it was told, whatever the wall clock did', () => {
    const tell = telling();
    tell(100, { ...nginx, first: 100 });
    assert.deepEqual(tell(159, nginx), []);
    assert.deepEqual(changesOf(tell(160, nginx)), [['present']]);
    assert.deepEqual(tell(161, nginx), []);
    assert.deepEqual(changesOf(tell(1, nginx)), [['present']], 'set back');
  });

  test('as present where it is older than the agent', () => {
    assert.deepEqual(changesOf(telling()(1, { ...nginx, first: 0 })), [['present']]);
  });

  test('in the next window when it began while this one was being closed', () => {
    const tell = telling();
    assert.deepEqual(tell(1, { ...nginx, first: 2 }), []);
    assert.deepEqual(changesOf(tell(2, { ...nginx, first: 2 })), [['appeared']]);
  });

  test('as gone, once', () => {
    const tell = telling();
    tell(1, nginx);
    assert.deepEqual(changesOf(tell(2, { ...nginx, gone: true })), [['gone']]);
    assert.deepEqual(tell(3), []);
  });

  test('anew when it listens again before the kernel has forgotten it, with what was added', () => {
    const tell = telling();
    const dropped = (drops: number) => ({ ...nginx, counts: { ...counts, drops } });
    tell(1, nginx);
    tell(2, { ...dropped(3), gone: true });
    const [record, ...others] = tell(3, dropped(5));
    assert.deepEqual([record?.['listener.changes'], record?.['listener.drops']], [['appeared', 'counts'], 2]);
    assert.deepEqual(others, []);
    assert.deepEqual(changesOf(tell(4, { ...dropped(5), gone: true })), [['gone']]);
  });

  test('in one record when it came and went', () => {
    assert.deepEqual(changesOf(telling()(4, { ...nginx, first: 4, gone: true })), [['appeared', 'gone']]);
  });
});

describe('counts', () => {
  const dropped = (drops: number): Listener => ({ ...nginx, counts: { ...counts, drops } });
  const drops = (records: readonly ListenerRecord[]) => records.map((r) => r['listener.drops']);

  test('are what was added since the last telling', () => {
    const tell = telling();
    assert.deepEqual(drops(tell(1, dropped(3))), [3]);
    assert.deepEqual(tell(2, dropped(3)), []);
    const grown = tell(3, dropped(8));
    assert.deepEqual([changesOf(grown), drops(grown)], [[['counts']], [5]]);
    assert.deepEqual(drops(tell(4, { ...dropped(9), gone: true })), [1]);
  });

  test('go on behind another agent; what it told as gone is not told again', () => {
    const memory = newListenerMemory();
    const other = { ...nginx, cookie: '10', gone: true };
    telling(memory)(1, dropped(3), other);
    const kept = JSON.parse(JSON.stringify(memory)) as ListenerMemory;
    const records = telling(kept)(2, dropped(4), other);
    assert.deepEqual([changesOf(records), drops(records)], [[['present', 'counts']], [1]]);
  });
});
