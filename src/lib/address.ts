/** IP addresses as the kernel programs keep them: 16 bytes, IPv4 as ::ffff:a.b.c.d. */

import { isIP } from 'node:net';

export interface AddressBytes {
  readonly view: DataView;
  readonly offset: number;
}

function isMapped(view: DataView, offset: number): boolean {
  return (
    view.getUint32(offset) === 0 && view.getUint32(offset + 4) === 0 && view.getUint32(offset + 8) === 0xffff
  );
}

function isZero(view: DataView, offset: number): boolean {
  return view.getBigUint64(offset) === 0n && view.getBigUint64(offset + 8) === 0n;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatV6(view: DataView, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(offset + 2 * i));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((g) => g.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

/** `10.0.0.1`, `2001:db8::1`; a mapped IPv6 address is its IPv4 one. */
export function formatAddress(view: DataView, offset: number): string {
  if (!isMapped(view, offset)) return formatV6(view, offset);
  const [a, b, c, d] = [12, 13, 14, 15].map((i) => view.getUint8(offset + i));
  return `${String(a)}.${String(b)}.${String(c)}.${String(d)}`;
}

/** The /24 (IPv4) or /48 (IPv6) whose network address the bytes hold. */
export function formatPrefix(view: DataView, offset: number): string {
  return `${formatAddress(view, offset)}/${isMapped(view, offset) ? '24' : '48'}`;
}

/** `ipv4`, `ipv6`, or undefined where there is no address. */
export function addressFamily(view: DataView, offset: number): 'ipv4' | 'ipv6' | undefined {
  if (isZero(view, offset)) return undefined;
  return isMapped(view, offset) ? 'ipv4' : 'ipv6';
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** The bytes of an address as `formatAddress` writes it; undefined for any other text. */
export function parseAddress(text: string): DataView | undefined {
  const view = new DataView(new ArrayBuffer(16));
  const family = text.includes('%') ? 0 : isIP(text);
  if (family === 4) {
    view.setUint16(10, 0xffff);
    text.split('.').forEach((byte, i) => {
      view.setUint8(12 + i, Number(byte));
    });
    return view;
  }
  if (family === 0 || text.includes('.')) return undefined;
  const [head = '', tail] = text.split('::');
  const [front, back] = [groupsOf(head), groupsOf(tail ?? '')];
  front.forEach((group, i) => {
    view.setUint16(2 * i, group);
  });
  back.forEach((group, i) => {
    view.setUint16(2 * (8 - back.length + i), group);
  });
  return view;
}

/** Text of the network that an address is in. `length` counts the bits of its own family. */
export function formatNetwork(view: DataView, length: number): string {
  const network = new DataView(view.buffer.slice(0));
  const bits = isMapped(view, 0) ? 96 + length : length;
  for (let byte = 0; byte < 16; byte++) {
    const kept = Math.min(8, Math.max(0, bits - 8 * byte));
    network.setUint8(byte, network.getUint8(byte) & (0xff << (8 - kept)));
  }
  return `${formatAddress(network, 0)}/${String(length)}`;
}

/** Of the whole internet: no loopback, link, private, shared (RFC 6598) or multicast address. */
export function isPublic(view: DataView): boolean {
  const [a, b] = [view.getUint8(12), view.getUint8(13)];
  if (isMapped(view, 0)) {
    if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
    if (a === 100) return (b & 0xc0) !== 64;
    if (a === 169) return b !== 254;
    if (a === 172) return (b & 0xf0) !== 16;
    return !(a === 192 && b === 168);
  }
  const first = view.getUint16(0);
  return first !== 0 && (first & 0xfe00) !== 0xfc00 && (first & 0xffc0) !== 0xfe80 && first < 0xff00;
}
