import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connection, curl, node, row, telling, toldFlow } from '../../../test/observations.ts';
import { manualClock } from '../../lib/clock.ts';
import { connectionRecord } from './records.ts';
import { wallTimes } from './time.ts';

const bounds = { number: 3, start: '2026-01-01T00:00:00.000Z', end: '2026-01-01T00:00:10.000Z', last: false };
const flow = (...given: Parameters<typeof row>): ReturnType<typeof toldFlow> =>
  toldFlow(row(...given), bounds);

describe('flowRecord', () => {
  test('every field', () => {
    const sums = {
      opened: 4,
      adopted: 1,
      established: 3,
      ended: 4,
      open: 1,
      bytesSent: 100,
      bytesReceived: 200,
      segmentsSent: 12,
      segmentsReceived: 11,
      retransmits: 5,
      resetsSent: 6,
      resetsReceived: 7,
      timeoutsByApplication: 8,
      latencySumUs: 4000,
    };
    assert.deepEqual(
      flow({
        sums,
        latency: [
          { bucket: 4, count: 1 },
          { bucket: 40, count: 2 },
        ],
      }),
      {
        'event.name': 'sonde.flow',
        time: bounds.end,
        'window.number': 3,
        'window.start': bounds.start,
        'window.end': bounds.end,
        ...node,
        ...curl,
        attribution: 'exact',
        direction: 'egress',
        'destination.ip': '10.0.0.2',
        'destination.ip.form': 'exact',
        'destination.port': 80,
        'network.transport': 'tcp',
        'network.type': 'ipv4',
        'network.namespace': 4_026_531_840,
        'connection.state': 'closed',
        'connection.established': true,
        latency_ms: 1.333,
        'latency.p50_ms': 2.304,
        'latency.p95_ms': 2.304,
        'latency.p99_ms': 2.304,
        'latency.histogram': [
          [0.005, 1],
          [2.56, 2],
        ],
        'connections.opened': 4,
        'connections.adopted': 1,
        'connections.established': 3,
        'connections.ended': 4,
        'connections.open': 1,
        'bytes.sent': 100,
        'bytes.received': 200,
        'segments.sent': 12,
        'segments.received': 11,
        retransmits: 5,
        'retransmits.data': 5,
        'resets.sent': 6,
        'resets.received': 7,
        'timeouts.by_application': 8,
      },
    );
  });

  test('without a handshake there is no latency, and none is made up', () => {
    const record = flow({ sums: { adopted: 1, open: 1 } });
    assert.equal(record.latency_ms, null);
    assert.deepEqual(
      Object.keys(record).filter((name) => name.startsWith('latency.')),
      [],
    );
    assert.ok(!('timeouts.by_application' in record));
  });

  test('the mean is over what was measured, not over what was opened', () => {
    const record = flow({ sums: { opened: 100, latencySumUs: 3000 }, latency: [{ bucket: 20, count: 2 }] });
    assert.equal(record.latency_ms, 1.5);
  });

  test('egress names no source, ingress does', () => {
    const source = { source: '192.0.2.7', sourceForm: 'exact' } as const;
    assert.ok(!('source.ip' in flow({ ...source })));
    const record = flow({ ...source, direction: 'ingress' });
    assert.deepEqual([record['source.ip'], record['source.ip.form']], ['192.0.2.7', 'exact']);
  });

  test('a folded address is the widest prefix of its family', () => {
    const folded = { destination: null, destinationForm: 'folded' } as const;
    assert.equal(flow({ ...folded, family: undefined })['destination.ip'], '0.0.0.0/0');
    assert.equal(flow({ ...folded, family: undefined })['network.type'], undefined);
    const callers = flow({
      direction: 'ingress',
      source: null,
      sourceForm: 'folded',
      family: 'ipv6',
      destination: '2001:db8::1',
    });
    assert.deepEqual([callers['source.ip'], callers['source.ip.form']], ['::/0', 'folded']);
  });

  test('a prefix stays one', () => {
    const record = flow({ destination: '203.0.113.0/24', destinationForm: 'prefix' });
    assert.deepEqual([record['destination.ip'], record['destination.ip.form']], ['203.0.113.0/24', 'prefix']);
  });

  test('in the last window what is open is abandoned', () => {
    const last = toldFlow(row({ state: 'open', sums: { open: 3 } }), { ...bounds, last: true });
    assert.equal(last['connections.open'], 0);
    assert.equal(last['connections.abandoned'], 3);
    const ended = toldFlow(row({ sums: { ended: 1 } }), { ...bounds, last: true });
    assert.ok(!('connections.abandoned' in ended));
    assert.ok(!('connections.abandoned' in flow({ sums: { open: 3 } })));
  });
});

describe('connectionRecord', () => {
  // Up for 10 s, half a second of it asleep: monotonic time stood still then.
  const clock = manualClock({ wallMs: Date.UTC(2026, 0, 1), monotonicNs: 9_500_000_000n });
  const times = wallTimes({ ...clock, bootMs: () => 10_000 });
  const told = (change: Parameters<typeof connection>[0] = {}): ReturnType<typeof connectionRecord> =>
    connectionRecord(connection(change), telling, times);

  test('every field of one that ended', () => {
    assert.deepEqual(told({ retransmits: 2 }), {
      'event.name': 'sonde.connection',
      time: '2025-12-31T23:59:55.750Z',
      'connection.id': 'b-1-9-1',
      ...node,
      ...curl,
      'process.pid': 42,
      'process.start': '2025-12-31T23:59:54.000Z',
      'process.parent.pid': 41,
      'process.parent.name': 'bash',
      attribution: 'exact',
      direction: 'egress',
      'source.ip': '10.0.0.1',
      'source.port': 40_000,
      'destination.ip': '10.0.0.2',
      'destination.port': 80,
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'network.namespace': 4_026_531_840,
      'connection.state': 'closed',
      'connection.established': true,
      latency_ms: 1.234,
      'connection.duration_ms': 250,
      'close.reason': 'fin_local',
      'bytes.sent': 10,
      'bytes.received': 20,
      'segments.sent': 5,
      'segments.received': 4,
      retransmits: 2,
      'retransmits.data': 2,
    });
  });

  test('one that was established says nothing of an end', () => {
    const record = told({ moment: 'established', state: 'open', error: 104, resetSide: 'remote' });
    for (const name of ['connection.duration_ms', 'close.reason', 'error', 'reset.side', 'timeout.by']) {
      assert.ok(!(name in record), name);
    }
  });

  test('an error by its name; an unknown one by its number; none when there was none', () => {
    assert.equal(told({ error: 111 }).error, 'ECONNREFUSED');
    assert.equal(told({ error: 110 }).error, 'ETIMEDOUT');
    assert.equal(told({ error: 104 }).error, 'ECONNRESET');
    assert.equal(told({ error: 999 }).error, 'E999');
    assert.ok(!('error' in told()));
  });

  test('one met already open has no latency and no duration', () => {
    const record = told({ adopted: true, latencyUs: null });
    assert.equal(record['connection.adopted'], true);
    assert.equal(record.latency_ms, null);
    assert.ok(!('connection.duration_ms' in record));
    assert.ok(!('connection.adopted' in told()));
  });

  test('who reset it and who gave up', () => {
    const record = told({ resetSide: 'admin', timeoutBy: 'application' });
    assert.deepEqual([record['reset.side'], record['timeout.by']], ['admin', 'application']);
  });

  test('without a process there is no start of one', () => assert.ok(!('process.start' in told({ pid: 0 }))));

  test('a command line where there is one; an environment of the process\u2019s own', () => {
    const process = { ...curl, environment: 'internal' };
    const labelled = { ...connection(), process };
    const record = (commandLine?: string) =>
      connectionRecord({ ...labelled, commandLine }, telling, wallTimes(manualClock()));
    assert.equal(record('curl ***')['process.command_line'], 'curl ***');
    assert.ok(!('process.command_line' in record()));
    assert.equal(record().environment, 'internal');
    assert.equal(flow({}, process).environment, 'internal');
  });

  test('nobody started the first process', () => {
    assert.ok(!Object.keys(told({ parentPid: 0 })).some((name) => name.startsWith('process.parent')));
  });
});
