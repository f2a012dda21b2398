/** Networks as ranges of IPv6 addresses, IPv4 as ::ffff:a.b.c.d: so the store compares both alike. */

import { isIP, isIPv4 } from 'node:net';

export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

const all = (1n << 128n) - 1n;
const mappedPrefix = 0xffffn << 32n;

function valueOfV4(text: string): bigint {
  return text.split('.').reduce((value, byte) => (value << 8n) + BigInt(byte), 0n);
}

function valueOfV6(text: string): bigint {
  // A dotted tail stands for the last two groups.
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const low = tail ? valueOfV4(tail[2] ?? '') : 0n;
  const plain = tail ? `${tail[1] ?? ''}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}` : text;
  const [head = '', rest] = plain.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(rest ?? '')];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) + BigInt(`0x${group}`), 0n);
}

function formatV6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt(16 * (7 - i))) & 0xffffn);
  return groups.map((group) => group.toString(16)).join(':');
}

/** As the store compares it; undefined for what is no address. */
export function addressNumber(text: string): bigint | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  return isIPv4(text) ? mappedPrefix + valueOfV4(text) : valueOfV6(text);
}

/** First and last address of `10.0.0.9`, `10.0.0.0/8`, `2001:db8::/32`; of '' of all; undefined for others. */
export function networkRange(text: string): AddressRange | undefined {
  if (text === '') return { first: formatV6(0n), last: formatV6(all) };
  const [, address = '', length] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const value = addressNumber(address);
  if (value === undefined) return undefined;
  const bits = isIPv4(address) ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  const host = (1n << BigInt(bits - prefix)) - 1n;
  return { first: formatV6(value & ~host), last: formatV6(value | host) };
}
