import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connection, row } from '../../../test/observations.ts';
import { flowDepth, socketDepth } from './depth.ts';

describe('flowDepth', () => {
  const sums = { retransmits: 7, handshakeRetransmits: 2 };

  test('nothing of it is nothing in the record', () => assert.deepEqual(flowDepth(row().of), {}));

  test('who connects sends SYNs again, who is connected to SYN-ACKs', () => {
    assert.deepEqual(flowDepth(row({ sums }).of), { 'retransmits.syn': 2, 'retransmits.data': 5 });
    assert.deepEqual(flowDepth(row({ direction: 'ingress', sums }).of), {
      'retransmits.synack': 2,
      'retransmits.data': 5,
    });
  });

  test('round trips are a mean and a minimum', () => {
    const measured = row({
      sums: { rttSumUs: 1000, rttCount: 3 },
      extremes: { rttMinUs: 250, waitingMsMax: 0 },
    });
    assert.deepEqual(flowDepth(measured.of), { rtt_ms: 0.333, 'rtt.count': 3, rtt_min_ms: 0.25 });
  });

  test('what limits the sender, and what waits for an application', () => {
    const slow = row({
      sums: {
        busyMs: 30,
        peerWindowMs: 20,
        sendBufferMs: 4,
        unreadBytes: 900,
        unreadConnections: 2,
        waitingConnections: 1,
      },
      extremes: { rttMinUs: null, waitingMsMax: 1200 },
    });
    assert.deepEqual(flowDepth(slow.of), {
      'limited_ms.busy': 30,
      'limited_ms.peer_window': 20,
      'limited_ms.send_buffer': 4,
      'app.unread_bytes': 900,
      'app.unread_connections': 2,
      'app.waiting_connections': 1,
      'app.waiting_ms': 1200,
    });
  });
});

test('socketDepth', () => {
  assert.deepEqual(socketDepth(connection().of), {});
  const change = {
    direction: 'ingress',
    retransmits: 3,
    handshakeRetransmits: 3,
    busyMs: 5,
    rttUs: 1234,
    rttMinUs: 1000,
    unreadBytes: 10,
    waitingMs: 70,
  } as const;
  assert.deepEqual(socketDepth(connection(change).of), {
    'retransmits.synack': 3,
    rtt_ms: 1.234,
    rtt_min_ms: 1,
    'limited_ms.busy': 5,
    'app.unread_bytes': 10,
    'app.waiting_ms': 70,
  });
  assert.deepEqual(socketDepth(connection({ adopted: true, retransmits: 3 }).of), {});
});
