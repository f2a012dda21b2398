import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressBytes, kernelTypes, recordWriter } from '../../../test/kernel-types.ts';
import {
  attributions,
  closeReasons,
  connectionStates,
  resetSides,
  timeoutBys,
} from '../../model/connection.ts';
import { eventDecoder } from './events.ts';

const types = kernelTypes();
const decode = eventDecoder(types, 1e9 / 300);

/** A record of the ring that starts at an odd multiple of eight, as records there do. */
function event(fields: Readonly<Record<string, number | bigint | Uint8Array>>): ReturnType<typeof decode> {
  const writer = recordWriter(types, 'event', 2);
  for (const [name, value] of Object.entries(fields)) writer.set(name, value, 8);
  return decode(writer.view, 8);
}

describe('events', () => {
  test('every field', () => {
    const decoded = event({
      at_ns: 2n ** 40n + 1n,
      started_ns: 2n ** 40n,
      cookie: 4_294_967_297n,
      pid_started_ns: 5_000_000_000n,
      bytes_sent: 2n ** 33n,
      bytes_received: 3,
      segments_sent: 8,
      segments_received: 9,
      source: addressBytes(10, 0, 0, 1),
      destination: addressBytes(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
      netns: 2,
      owner: 3,
      pid: 4,
      parent_pid: 3,
      parent_name: new TextEncoder().encode('bash'),
      sequence: 5,
      latency_us: 6,
      retransmits: 7,
      handshake_retransmits: 2,
      busy_jiffies: 300,
      peer_window_jiffies: 1,
      send_buffer_jiffies: 2,
      rtt_us: 10,
      rtt_min_us: 11,
      unread_bytes: 12,
      waiting_jiffies: 30,
      source_port: 65_535,
      destination_port: 443,
      error: 104,
      moment: 1,
      state: 6,
      direction: 1,
      attribution: 2,
      established: 1,
      adopted: 1,
      has_latency: 1,
      reset_side: 2,
      close_reason: 5,
      timeout_by: 1,
      detail: 1,
    });
    assert.deepEqual(decoded, {
      moment: 'ended',
      atNs: 2 ** 40 + 1,
      startedNs: 2 ** 40,
      cookie: 4_294_967_297,
      sequence: 5,
      netns: 2,
      owner: 3,
      pid: 4,
      pidStartedNs: 5_000_000_000,
      parentPid: 3,
      parentName: 'bash',
      direction: 'egress',
      state: 'reset',
      established: true,
      adopted: true,
      attribution: 'inherited',
      source: '10.0.0.1',
      sourcePort: 65_535,
      destination: '2001:db8::1',
      destinationPort: 443,
      family: 'ipv6',
      latencyUs: 6,
      bytesSent: 2 ** 33,
      bytesReceived: 3,
      segmentsSent: 8,
      segmentsReceived: 9,
      retransmits: 7,
      handshakeRetransmits: 2,
      busyMs: 1000,
      peerWindowMs: 3,
      sendBufferMs: 7,
      rttUs: 10,
      rttMinUs: 11,
      unreadBytes: 12,
      waitingMs: 100,
      error: 104,
      resetSide: 'remote',
      closeReason: 'reset_received',
      timeoutBy: 'kernel',
      detail: true,
    });
  });

  test('what is not there is not zero', () => {
    const decoded = event({
      direction: 2,
      source: addressBytes(10, 0, 0, 1),
      destination: addressBytes(10, 0, 0, 2),
    });
    assert.deepEqual([decoded.latencyUs, decoded.rttUs, decoded.rttMinUs], [null, null, null]);
    assert.equal(decoded.resetSide, undefined);
    assert.equal(decoded.timeoutBy, undefined);
    assert.equal(decoded.closeReason, 'unknown');
    assert.equal(decoded.attribution, 'unknown');
    assert.equal(decoded.moment, 'established');
    assert.equal(decoded.direction, 'ingress');
    assert.equal(decoded.family, 'ipv4');
    for (const flag of ['established', 'adopted', 'detail'] as const) assert.equal(decoded[flag], false);
  });
});

test('the kernel programs and the model use the same words', () => {
  assert.deepEqual(types.words('state', 'STATE_').slice(0, -1), [...connectionStates]);
  assert.deepEqual(types.words('attribution', 'OWNER_'), [...attributions]);
  assert.deepEqual(types.words('reset_side', 'RESET_'), ['none', ...resetSides]);
  assert.deepEqual(types.words('timeout_by', 'TIMEOUT_'), ['none', ...timeoutBys]);
  assert.deepEqual(types.words('close_reason', 'CLOSE_').toSorted(), [...closeReasons].sort());
  assert.deepEqual(types.words('direction', 'DIRECTION_'), ['none', 'egress', 'ingress']);
});
