/** From one record of the ring to one connection event. */

import { addressFamily, formatAddress } from '../../lib/address.ts';
import type { TypeInformation } from '../../lib/btf.ts';
import type {
  Attribution,
  CloseReason,
  ConnectionState,
  Direction,
  ResetSide,
  TimeoutBy,
} from '../../model/connection.ts';
import type { ConnectionEvent } from '../../model/observation.ts';
import { jiffiesReader, reader, readString } from './reader.ts';

function eventWords(types: TypeInformation) {
  return {
    moments: types.words('moment', 'MOMENT_'),
    directions: types.words('direction', 'DIRECTION_'),
    states: types.words('state', 'STATE_'),
    attributions: types.words('attribution', 'OWNER_'),
    sides: types.words('reset_side', 'RESET_'),
    reasons: types.words('close_reason', 'CLOSE_'),
    timeouts: types.words('timeout_by', 'TIMEOUT_'),
  };
}

function none(word: string | undefined): string | undefined {
  return word === 'none' ? undefined : word;
}

type Socket = Pick<
  ConnectionEvent,
  | 'bytesSent'
  | 'bytesReceived'
  | 'segmentsSent'
  | 'segmentsReceived'
  | 'retransmits'
  | 'handshakeRetransmits'
  | 'busyMs'
  | 'peerWindowMs'
  | 'sendBufferMs'
  | 'rttUs'
  | 'rttMinUs'
  | 'unreadBytes'
  | 'waitingMs'
>;

/** What the socket itself counts, and what it looks like. */
function socketReader(types: TypeInformation, tickNs: number): (view: DataView, base: number) => Socket {
  const layout = types.layout('event');
  const field = (name: string) => reader(layout, name);
  const jiffies = (name: string) => jiffiesReader(layout, name, tickNs);
  const [sent, received] = [field('bytes_sent'), field('bytes_received')];
  const [segmentsSent, segmentsReceived] = [field('segments_sent'), field('segments_received')];
  const [retransmits, ofHandshake] = [field('retransmits'), field('handshake_retransmits')];
  const [busy, peerWindow] = [jiffies('busy_jiffies'), jiffies('peer_window_jiffies')];
  const sendBuffer = jiffies('send_buffer_jiffies');
  const [rtt, rttMin] = [field('rtt_us'), field('rtt_min_us')];
  const [unread, waiting] = [field('unread_bytes'), jiffies('waiting_jiffies')];
  return (view, base) => ({
    bytesSent: sent(view, base),
    bytesReceived: received(view, base),
    segmentsSent: segmentsSent(view, base),
    segmentsReceived: segmentsReceived(view, base),
    retransmits: retransmits(view, base),
    handshakeRetransmits: ofHandshake(view, base),
    busyMs: busy(view, base),
    peerWindowMs: peerWindow(view, base),
    sendBufferMs: sendBuffer(view, base),
    rttUs: rtt(view, base) || null,
    rttMinUs: rttMin(view, base) || null,
    unreadBytes: unread(view, base),
    waitingMs: waiting(view, base),
  });
}

/** Makes a decoder of single events; what it returns is a copy. `tickNs` is a jiffy's length. */
export function eventDecoder(
  types: TypeInformation,
  tickNs: number,
): (view: DataView, offset: number) => ConnectionEvent {
  const layout = types.layout('event');
  const field = (name: string) => reader(layout, name);
  const words = eventWords(types);
  const [at, started, cookie, sequence] = [
    field('at_ns'),
    field('started_ns'),
    field('cookie'),
    field('sequence'),
  ];
  const [netns, owner, pid, pidStarted, parentPid] = [
    field('netns'),
    field('owner'),
    field('pid'),
    field('pid_started_ns'),
    field('parent_pid'),
  ];
  const parentName = layout.field('parent_name');
  const [sourcePort, destinationPort] = [field('source_port'), field('destination_port')];
  const socket = socketReader(types, tickNs);
  const [latency, hasLatency] = [field('latency_us'), field('has_latency')];
  const [moment, direction, state, attribution] = [
    field('moment'),
    field('direction'),
    field('state'),
    field('attribution'),
  ];
  const [established, adopted, detail, error] = [
    field('established'),
    field('adopted'),
    field('detail'),
    field('error'),
  ];
  const [side, reason, timeout] = [field('reset_side'), field('close_reason'), field('timeout_by')];
  const sourceAt = layout.field('source').offset;
  const destinationAt = layout.field('destination').offset;

  return (view, base) => ({
    moment: words.moments[moment(view, base)] as ConnectionEvent['moment'],
    atNs: at(view, base),
    startedNs: started(view, base),
    cookie: cookie(view, base),
    sequence: sequence(view, base),
    netns: netns(view, base),
    owner: owner(view, base),
    pid: pid(view, base),
    pidStartedNs: pidStarted(view, base),
    parentPid: parentPid(view, base),
    parentName: readString(view, base + parentName.offset, parentName.count),
    direction: words.directions[direction(view, base)] as Direction,
    state: words.states[state(view, base)] as ConnectionState,
    established: established(view, base) === 1,
    adopted: adopted(view, base) === 1,
    attribution: words.attributions[attribution(view, base)] as Attribution,
    source: formatAddress(view, base + sourceAt),
    sourcePort: sourcePort(view, base),
    destination: formatAddress(view, base + destinationAt),
    destinationPort: destinationPort(view, base),
    family: addressFamily(view, base + destinationAt),
    latencyUs: hasLatency(view, base) === 1 ? latency(view, base) : null,
    ...socket(view, base),
    error: error(view, base),
    resetSide: none(words.sides[side(view, base)]) as ResetSide | undefined,
    closeReason: words.reasons[reason(view, base)] as CloseReason,
    timeoutBy: none(words.timeouts[timeout(view, base)]) as TimeoutBy | undefined,
    detail: detail(view, base) === 1,
  });
}
