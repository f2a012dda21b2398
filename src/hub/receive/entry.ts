/**
 * One entry of the journal, as bytes: magic, kind, number, length, CRC-32 of all that and the payload; then
 * the payload. What does not fit together in every one of them is not an entry.
 */

import { crc32 } from 'node:zlib';

export const entryKinds = {
  /** First in every segment: the ledger, and how far the store is. All older segments can be missing. */
  checkpoint: 1,
  /** The store has all blocks up to this number. */
  stored: 3,
  /** A block of an earlier version: its rows as JSON. (2 was that in one piece.) */
  textBlock: 4,
  /** Rows for the store, and what is taken with them. */
  block: 5,
} as const;
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds];

export interface Entry {
  readonly kind: EntryKind;
  readonly number: number;
  readonly payload: Buffer;
}

export interface PlacedEntry extends Entry {
  readonly offset: number;
  /** Header included. */
  readonly bytes: number;
}

/** "JSo1", and how it begins a file. */
const magic = 0x4a_53_6f_31;
const magicBytes = Buffer.from('1oSJ', 'latin1');
export const headerBytes = 24;
/** Longer ones are damage, not entries: far above what a block can come to. */
export const payloadBytesMax = 512 << 20;

const at = { magic: 0, kind: 4, number: 8, length: 16, crc: 20 } as const;

export function encodeEntry({ kind, number, payload }: Entry): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(magic, at.magic);
  header.writeUInt32LE(kind, at.kind);
  header.writeBigUInt64LE(BigInt(number), at.number);
  header.writeUInt32LE(payload.length, at.length);
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(0, at.crc))), at.crc);
  return Buffer.concat([header, payload]);
}

function isKind(kind: number): kind is EntryKind {
  return (Object.values(entryKinds) as number[]).includes(kind);
}

/** The entry that begins at `offset`; undefined where there is none, or not all of one. */
export function decodeEntry(bytes: Buffer, offset: number): PlacedEntry | undefined {
  if (bytes.length - offset < headerBytes) return undefined;
  const header = bytes.subarray(offset, offset + headerBytes);
  const kind = header.readUInt32LE(at.kind);
  const length = header.readUInt32LE(at.length);
  if (header.readUInt32LE(at.magic) !== magic || !isKind(kind) || length > payloadBytesMax) return undefined;
  const end = offset + headerBytes + length;
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(offset + headerBytes, end);
  if (crc32(payload, crc32(header.subarray(0, at.crc))) !== header.readUInt32LE(at.crc)) return undefined;
  const number = Number(header.readBigUInt64LE(at.number));
  return { kind, number, payload, offset, bytes: end - offset };
}

/** The first sound entry that begins at `from` or behind it. */
export function findEntry(bytes: Buffer, from: number): PlacedEntry | undefined {
  for (let at = bytes.indexOf(magicBytes, from); at >= 0; at = bytes.indexOf(magicBytes, at + 1)) {
    const entry = decodeEntry(bytes, at);
    if (entry) return entry;
  }
  return undefined;
}
