/**
 * The kernel's table of connections that it translates (conntrack), asked for and read by netlink: nothing is
 * changed. Layouts are those of linux/netlink.h and linux/netfilter/nfnetlink_conntrack.h, which are fixed;
 * headers are in the machine's byte order (both that we run on are little-endian), values in the network's.
 */

import { formatAddress } from '../../lib/address.ts';
import type { Transport } from '../../model/connection.ts';
import type { Translation } from '../../model/far.ts';

const netfilterProtocol = 12; // NETLINK_NETFILTER

const messageHeadBytes = 16;
const netfilterHeadBytes = 4;
const attributeHeadBytes = 4;
const [messageNew, messageGet] = [0x100, 0x101]; // of the subsystem 1, conntrack
const dumpFlags = 0x301; // NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH

/** enum ctattr_type, ctattr_tuple, ctattr_ip, ctattr_l4proto. */
const attribute = { original: 1, reply: 2, status: 3, statusMask: 26 } as const;
const tuple = { ip: 1, proto: 2 } as const;
const ip = { sourceV4: 1, destinationV4: 2, sourceV6: 3, destinationV6: 4 } as const;
const proto = { number: 1, sourcePort: 2, destinationPort: 3 } as const;

/** IPS_DST_NAT: its destination was changed. */
const destinationChanged = 1 << 5;
const transports: Readonly<Record<number, Transport>> = { 6: 'tcp', 17: 'udp' };

/** Asks for all whose destination was changed; older kernels do not look at that, and send all. */
function translationsRequest(): Uint8Array {
  const bytes = new Uint8Array(messageHeadBytes + netfilterHeadBytes + 2 * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, messageGet, true);
  view.setUint16(6, dumpFlags, true);
  [attribute.status, attribute.statusMask].forEach((type, i) => {
    const at = messageHeadBytes + netfilterHeadBytes + 8 * i;
    view.setUint16(at, 8, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, destinationChanged);
  });
  return bytes;
}

type Visit = (type: number, at: number, bytes: number) => void;

/** Attributes that fit between `from` and `end`. */
function eachAttribute(view: DataView, from: number, { end, visit }: { end: number; visit: Visit }): void {
  for (let at = from; at + attributeHeadBytes <= end;) {
    const length = view.getUint16(at, true);
    if (length < attributeHeadBytes || at + length > end) return;
    visit(view.getUint16(at + 2, true) & 0x3fff, at + attributeHeadBytes, length - attributeHeadBytes);
    at += (length + 3) & ~3;
  }
}

interface Tuple {
  source: string | undefined;
  destination: string | undefined;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
}

function addressAt(view: DataView, at: number, bytes: number): string | undefined {
  if (bytes === 4) return [0, 1, 2, 3].map((i) => String(view.getUint8(at + i))).join('.');
  return bytes === 16 ? formatAddress(view, at) : undefined;
}

function readTuple(view: DataView, from: number, bytes: number): Tuple {
  const read: Tuple = {
    source: undefined,
    destination: undefined,
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
  };
  const addresses: Visit = (type, at, size) => {
    const address = addressAt(view, at, size);
    if (type === ip.sourceV4 || type === ip.sourceV6) read.source = address;
    if (type === ip.destinationV4 || type === ip.destinationV6) read.destination = address;
  };
  const ports: Visit = (type, at, size) => {
    if (type === proto.number && size === 1) read.protocol = view.getUint8(at);
    if (type === proto.sourcePort && size === 2) read.sourcePort = view.getUint16(at);
    if (type === proto.destinationPort && size === 2) read.destinationPort = view.getUint16(at);
  };
  eachAttribute(view, from, {
    end: from + bytes,
    visit(type, at, size) {
      if (type === tuple.ip) eachAttribute(view, at, { end: at + size, visit: addresses });
      if (type === tuple.proto) eachAttribute(view, at, { end: at + size, visit: ports });
    },
  });
  return read;
}

function readTranslation(view: DataView, from: number, end: number): Translation | undefined {
  const read: { status: number; original?: Tuple; reply?: Tuple } = { status: 0 };
  eachAttribute(view, from, {
    end,
    visit(type, at, bytes) {
      if (type === attribute.status && bytes === 4) read.status = view.getUint32(at);
      if (type === attribute.original) read.original = readTuple(view, at, bytes);
      if (type === attribute.reply) read.reply = readTuple(view, at, bytes);
    },
  });
  const { status, original, reply } = read;
  const transport = transports[original?.protocol ?? 0];
  if ((status & destinationChanged) === 0 || transport === undefined) return undefined;
  if (original?.destination === undefined || reply?.source === undefined) return undefined;
  const { destination, destinationPort: port } = original;
  // Whoever sends the reply is whoever it was sent to.
  return { transport, ip: destination, port, translated: { ip: reply.source, port: reply.sourcePort } };
}

/** Those whose destination was changed, of TCP and UDP. What does not fit ends the reading. */
export function parseTranslations(bytes: ArrayBuffer): Translation[] {
  const view = new DataView(bytes);
  const found: Translation[] = [];
  for (let at = 0; at + messageHeadBytes <= view.byteLength;) {
    const length = view.getUint32(at, true);
    if (length < messageHeadBytes || at + length > view.byteLength) break;
    const from = at + messageHeadBytes + netfilterHeadBytes;
    const translation =
      view.getUint16(at + 4, true) === messageNew ? readTranslation(view, from, at + length) : undefined;
    if (translation) found.push(translation);
    at += (length + 3) & ~3;
  }
  return found;
}

/** How to ask, and how to read the answer. */
export const conntrack = {
  protocol: netfilterProtocol,
  request: translationsRequest(),
  parse: parseTranslations,
} as const;
