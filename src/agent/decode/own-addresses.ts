/**
 * A network namespace's addresses, asked for and read by netlink: nothing is changed. Layouts are those of
 * linux/rtnetlink.h and linux/if_addr.h, which are fixed; headers are in the machine's byte order (both that
 * we run on are little-endian).
 */

import { formatAddress } from '../../lib/address.ts';

const routeProtocol = 0; // NETLINK_ROUTE
const [messageHeadBytes, addressHeadBytes, attributeHeadBytes] = [16, 8, 4] as const;
const [messageNew, messageGet] = [20, 22]; // RTM_NEWADDR, RTM_GETADDR
const dumpFlags = 0x301; // NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
/** enum of linux/if_addr.h. Of a point-to-point link IFA_ADDRESS is the other side's. */
const attribute = { address: 1, local: 2 } as const;
const families: Readonly<Record<number, number>> = { 2: 4, 10: 16 };

/** Of both families. */
function addressesRequest(): Uint8Array {
  const bytes = new Uint8Array(messageHeadBytes + addressHeadBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, messageGet, true);
  view.setUint16(6, dumpFlags, true);
  return bytes;
}

/** 16 bytes, IPv4 mapped. */
function bytesOf(view: DataView, at: number, length: number): DataView {
  const bytes = new DataView(new ArrayBuffer(16));
  if (length === 4) bytes.setUint16(10, 0xffff);
  for (let i = 0; i < length; i++) bytes.setUint8(16 - length + i, view.getUint8(at + i));
  return bytes;
}

function addressIn(view: DataView, from: number, end: number): DataView | undefined {
  const length = families[view.getUint8(from)];
  const found = new Map<number, DataView>();
  for (let at = from + addressHeadBytes; at + attributeHeadBytes <= end;) {
    const [size, type] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (size < attributeHeadBytes || at + size > end) break;
    if (length !== undefined && size - attributeHeadBytes === length)
      found.set(type, bytesOf(view, at + attributeHeadBytes, length));
    at += (size + 3) & ~3;
  }
  return found.get(attribute.local) ?? found.get(attribute.address);
}

/** What is cut off at the end is left. */
function parseAddresses(bytes: ArrayBuffer): readonly DataView[] {
  const view = new DataView(bytes);
  const all = new Map<string, DataView>();
  for (let at = 0; at + messageHeadBytes <= view.byteLength;) {
    const length = view.getUint32(at, true);
    if (length < messageHeadBytes || at + length > view.byteLength) break;
    const from = at + messageHeadBytes;
    if (view.getUint16(at + 4, true) === messageNew && length >= messageHeadBytes + addressHeadBytes) {
      const address = addressIn(view, from, at + length);
      if (address) all.set(formatAddress(address, 0), address);
    }
    at += (length + 3) & ~3;
  }
  return [...all.values()];
}

export const addressMessages = {
  protocol: routeProtocol,
  request: addressesRequest(),
  parse: parseAddresses,
} as const;
