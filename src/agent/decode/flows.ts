/** From a closed window's bytes to flow rows. */

import { addressFamily, formatAddress, formatPrefix } from '../../lib/address.ts';
import type { TypeInformation } from '../../lib/btf.ts';
import type { AddressForm, Attribution, ConnectionState, Direction } from '../../model/connection.ts';
import type { Histogram } from '../../model/latency.ts';
import type { Extremes, FlowRow, Sums } from '../../model/observation.ts';
import { jiffiesReader, reader } from './reader.ts';

/** IPPROTO_UDP; every other row is TCP's. */
const udp = 17;

export interface RawRows {
  readonly count: number;
  readonly keys: DataView;
  readonly values: DataView;
}

/**
 * Makes a decoder of windows; the rows are copies, the raw arrays may be used again. `tickNs` is a jiffy's
 * length.
 */
export function flowDecoder(types: TypeInformation, tickNs: number): (raw: RawRows) => FlowRow[] {
  const key = types.layout('flow_key');
  const value = types.layout('flow');
  const words = {
    direction: types.words('direction', 'DIRECTION_'),
    state: types.words('state', 'STATE_'),
    attribution: types.words('attribution', 'OWNER_'),
    form: types.words('form', 'FORM_'),
  };
  const meter = words.form.indexOf('meter');
  const form = reader(key, 'form');
  const readSums = sumsReader(types, tickNs);
  const readExtremes = extremesReader(types, tickNs);
  const readLatency = latencyReader(types);
  const readKey = keyReader(types, words);

  return ({ count, keys, values }) => {
    const rows: FlowRow[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * key.size;
      if (form(keys, at) === meter) continue; // it counts rows, not connections
      const sums = readSums(values, i * value.size);
      // A node's total row that nobody needed.
      const moved = sums.segmentsSent + sums.segmentsReceived;
      if (sums.opened + sums.adopted + sums.ended + sums.open + sums.refusals + moved === 0) continue;
      rows.push({
        ...readKey(keys, at),
        sums,
        extremes: readExtremes(values, i * value.size),
        latency: readLatency(values, i * value.size),
      });
    }
    return rows;
  };
}

type Words = Record<'direction' | 'state' | 'attribution' | 'form', readonly string[]>;

function keyReader(
  types: TypeInformation,
  words: Words,
): (view: DataView, base: number) => Omit<FlowRow, 'sums' | 'extremes' | 'latency'> {
  const key = types.layout('flow_key');
  const field = (name: string) => reader(key, name);
  const [netns, owner, direction, state] = [
    field('netns'),
    field('owner'),
    field('direction'),
    field('state'),
  ];
  const transport = field('transport');
  const [established, attribution, form, port] = [
    field('established'),
    field('attribution'),
    field('form'),
    field('service_port'),
  ];
  const sourceAt = key.field('source').offset;
  const destinationAt = key.field('destination').offset;

  function address(view: DataView, at: number, as: AddressForm): string | null {
    if (!addressFamily(view, at)) return null;
    return as === 'prefix' ? formatPrefix(view, at) : formatAddress(view, at);
  }

  return (view, base) => {
    const egress = words.direction[direction(view, base)] === 'egress';
    const remoteForm = words.form[form(view, base)] as AddressForm;
    const local = (at: number): AddressForm => (addressFamily(view, at) ? 'exact' : 'folded');
    const source = base + sourceAt;
    const destination = base + destinationAt;
    const destinationForm = egress ? remoteForm : local(destination);
    const sourceForm = egress ? 'folded' : remoteForm;
    return {
      netns: netns(view, base),
      owner: owner(view, base),
      direction: words.direction[direction(view, base)] as Direction,
      transport: transport(view, base) === udp ? 'udp' : 'tcp',
      state: words.state[state(view, base)] as ConnectionState,
      established: established(view, base) === 1,
      attribution: words.attribution[attribution(view, base)] as Attribution,
      family: addressFamily(view, destination),
      source: egress ? null : address(view, source, sourceForm),
      sourceForm,
      destination: address(view, destination, destinationForm),
      destinationForm,
      destinationPort: port(view, base),
    };
  };
}

function sumsReader(types: TypeInformation, tickNs: number): (view: DataView, base: number) => Sums {
  const field = (name: string) => reader(types.layout('flow'), name);
  const jiffies = (name: string) => jiffiesReader(types.layout('flow'), name, tickNs);
  const readers: Record<keyof Sums, ReturnType<typeof reader>> = {
    opened: field('opened'),
    adopted: field('adopted'),
    established: field('established'),
    ended: field('ended'),
    open: field('open'),
    bytesSent: field('bytes_sent'),
    bytesReceived: field('bytes_received'),
    segmentsSent: field('segments_sent'),
    segmentsReceived: field('segments_received'),
    retransmits: field('retransmits'),
    handshakeRetransmits: field('handshake_retransmits'),
    busyMs: jiffies('busy_jiffies'),
    peerWindowMs: jiffies('peer_window_jiffies'),
    sendBufferMs: jiffies('send_buffer_jiffies'),
    rttSumUs: field('rtt_sum_us'),
    rttCount: field('rtt_count'),
    unreadBytes: field('unread_bytes'),
    unreadConnections: field('unread_connections'),
    waitingConnections: field('waiting_connections'),
    resetsSent: field('resets_sent'),
    resetsReceived: field('resets_received'),
    timeoutsByApplication: field('timeouts_by_application'),
    refusals: field('refusals'),
    latencySumUs: field('latency_sum_us'),
  };
  const names = Object.keys(readers) as (keyof Sums)[];
  return (view, base) => {
    const sums = {} as Sums;
    for (const name of names) sums[name] = readers[name](view, base);
    return sums;
  };
}

function extremesReader(types: TypeInformation, tickNs: number): (view: DataView, base: number) => Extremes {
  const layout = types.layout('flow');
  const rttMin = reader(layout, 'rtt_min_us');
  const waiting = jiffiesReader(layout, 'waiting_jiffies_max', tickNs);
  return (view, base) => ({ rttMinUs: rttMin(view, base) || null, waitingMsMax: waiting(view, base) });
}

function latencyReader(types: TypeInformation): (view: DataView, base: number) => Histogram {
  const { offset, count: buckets } = types.layout('flow').field('latency');
  return (view, base) => {
    const histogram: { bucket: number; count: number }[] = [];
    for (let bucket = 0; bucket < buckets; bucket++) {
      const count = view.getUint32(base + offset + 4 * bucket, true);
      if (count > 0) histogram.push({ bucket, count });
    }
    return histogram;
  };
}
