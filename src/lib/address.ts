/** IP addresses as the kernel programs keep them: 16 bytes, IPv4 as ::ffff:a.b.c.d. */

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
