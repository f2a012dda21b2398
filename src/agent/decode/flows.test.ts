import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressBytes, kernelTypes, recordWriter } from '../../../test/kernel-types.ts';
import type { FlowRow } from '../../model/observation.ts';
import { flowDecoder } from './flows.ts';

const types = kernelTypes();
const decode = flowDecoder(types, 4e6);
const none = new Uint8Array(16);

type Fields = Readonly<Record<string, number | bigint | Uint8Array>>;

function decodeAll(...rows: readonly (readonly [key: Fields, value: Fields])[]): FlowRow[] {
  const keys = recordWriter(types, 'flow_key', rows.length + 1);
  const values = recordWriter(types, 'flow', rows.length + 1);
  rows.forEach(([key, value], i) => {
    for (const [name, field] of Object.entries(key)) keys.set(name, field, i * keys.size);
    for (const [name, field] of Object.entries(value)) values.set(name, field, i * values.size);
  });
  // Arrays are reused: what lies behind the count is an older window's.
  keys.set('direction', 1, rows.length * keys.size);
  values.set('opened', 99, rows.length * values.size);
  return decode({ count: rows.length, keys: keys.view, values: values.view });
}

const one = { opened: 1 };
const words = types.words('form', 'FORM_');
const form = (word: string): number => words.indexOf(word);

describe('flows', () => {
  test('no rows, no flows', () => assert.deepEqual(decodeAll(), []));

  test('every field of a row', () => {
    const latency = new Uint8Array(4 * 108);
    new DataView(latency.buffer).setUint32(4 * 2, 5, true);
    new DataView(latency.buffer).setUint32(4 * 107, 70_000, true);
    const rows = decodeAll([
      {
        netns: 2,
        owner: 3,
        direction: 2,
        transport: 17,
        state: 3,
        established: 1,
        form: form('exact'),
        attribution: 3,
        service_port: 8080,
        source: addressBytes(192, 0, 2, 7),
        destination: addressBytes(10, 0, 0, 2),
      },
      {
        opened: 1,
        adopted: 2,
        established: 3,
        ended: 4,
        open: 5,
        bytes_sent: 2n ** 40n,
        bytes_received: 7,
        segments_sent: 2n ** 33n,
        segments_received: 13,
        retransmits: 8,
        handshake_retransmits: 3,
        busy_jiffies: 2n ** 33n,
        peer_window_jiffies: 14,
        send_buffer_jiffies: 15,
        rtt_sum_us: 2n ** 34n,
        rtt_count: 16,
        rtt_min_us: 17,
        unread_bytes: 2n ** 36n,
        unread_connections: 18,
        waiting_connections: 19,
        waiting_jiffies_max: 20,
        resets_sent: 9,
        resets_received: 10,
        latency_sum_us: 2n ** 35n,
        timeouts_by_application: 12,
        refusals: 13,
        latency,
      },
    ]);
    assert.deepEqual(rows, [
      {
        netns: 2,
        owner: 3,
        direction: 'ingress',
        transport: 'udp',
        state: 'timed_out',
        established: true,
        attribution: 'scanned',
        family: 'ipv4',
        source: '192.0.2.7',
        sourceForm: 'exact',
        destination: '10.0.0.2',
        destinationForm: 'exact',
        destinationPort: 8080,
        sums: {
          opened: 1,
          adopted: 2,
          established: 3,
          ended: 4,
          open: 5,
          bytesSent: 2 ** 40,
          bytesReceived: 7,
          segmentsSent: 2 ** 33,
          segmentsReceived: 13,
          retransmits: 8,
          handshakeRetransmits: 3,
          busyMs: 4 * 2 ** 33,
          peerWindowMs: 56,
          sendBufferMs: 60,
          rttSumUs: 2 ** 34,
          rttCount: 16,
          unreadBytes: 2 ** 36,
          unreadConnections: 18,
          waitingConnections: 19,
          resetsSent: 9,
          resetsReceived: 10,
          timeoutsByApplication: 12,
          refusals: 13,
          latencySumUs: 2 ** 35,
        },
        extremes: { rttMinUs: 17, waitingMsMax: 80 },
        latency: [
          { bucket: 2, count: 5 },
          { bucket: 107, count: 70_000 },
        ],
      },
    ]);
  });

  test('rows one behind the other are told apart', () => {
    const ports = decodeAll(
      ...[1, 2, 3].map((port) => [{ direction: 1, service_port: port }, { opened: port }] as const),
    );
    assert.deepEqual(
      ports.map((row) => [row.destinationPort, row.sums.opened]),
      [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    );
  });

  test('rows that count rows, and rows that nobody needed, are no flows', () => {
    const rows = decodeAll(
      [
        { form: form('meter'), netns: 0xffff_ffff },
        { opened: 7, adopted: 3 },
      ],
      [{ form: form('folded'), direction: 1 }, {}],
      [{ form: form('folded'), direction: 1, state: 1 }, { ended: 1 }],
      [{ form: form('folded'), direction: 2, state: 2 }, { refusals: 1 }],
    );
    assert.deepEqual(
      rows.map((row) => row.state),
      ['closed', 'refused'],
    );
  });

  test('each of opened, adopted, ended, open and segments alone makes a flow', () => {
    for (const name of ['opened', 'adopted', 'ended', 'open', 'segments_sent', 'segments_received']) {
      assert.equal(decodeAll([{ direction: 1 }, { [name]: 1 }]).length, 1, name);
    }
  });
});

describe('addresses', () => {
  const addresses = (key: Fields): unknown[] => {
    const [row] = decodeAll([key, one]);
    return [row?.source, row?.sourceForm, row?.destination, row?.destinationForm, row?.family];
  };
  const v4 = addressBytes(203, 0, 113, 0);
  const v6 = addressBytes(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0);
  const cases: readonly (readonly [string, Fields, unknown[]])[] = [
    [
      'egress exact',
      { direction: 1, form: form('exact'), destination: v4 },
      [null, 'folded', '203.0.113.0', 'exact', 'ipv4'],
    ],
    [
      'egress prefix',
      { direction: 1, form: form('prefix'), destination: v6 },
      [null, 'folded', '2001:db8:1::/48', 'prefix', 'ipv6'],
    ],
    [
      'egress folded',
      { direction: 1, form: form('folded'), destination: none },
      [null, 'folded', null, 'folded', undefined],
    ],
    [
      'ingress prefix',
      { direction: 2, form: form('prefix'), source: v4, destination: addressBytes(10, 0, 0, 1) },
      ['203.0.113.0/24', 'prefix', '10.0.0.1', 'exact', 'ipv4'],
    ],
    [
      'ingress folded',
      { direction: 2, form: form('folded'), source: none, destination: none },
      [null, 'folded', null, 'folded', undefined],
    ],
    [
      'ingress, caller folded',
      { direction: 2, form: form('folded'), source: none, destination: v6 },
      [null, 'folded', '2001:db8:1::', 'exact', 'ipv6'],
    ],
  ];
  for (const [what, key, expected] of cases) {
    test(what, () => assert.deepEqual(addresses(key), expected));
  }
});
