/**
 * One entry of the spool's log, as it lies on disk, little-endian:
 *
 *   0  magic      u32   where a reader finds its feet again behind damage
 *   4  checksum   u32   CRC-32 of everything behind this field
 *   8  length     u32   bytes of the payload
 *  12  kind       u8    what the entry is, see `kinds`; 3 bytes of nothing behind it
 *  16  number     u64   of the entry: one more than the one before, over all segments
 *  24  sequence   u64   record.sequence of its first record; the others count on
 *  32  count      u32   records in it
 *  36  payload          zstd of JSON lines, one per record
 */

import { constants, crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import { promisify } from 'node:util';

export const entryLimits = {
  /** Records of one entry: 2,000 flow records are about 2 MB of JSON and 100 kB of zstd. */
  recordsMax: 2000,
  /** A length beyond it is damage, not an entry. */
  payloadBytesMax: 16 << 20,
  /** What a payload may grow to when it is read. */
  textBytesMax: 64 << 20,
} as const;

/**
 * `events`: whole in itself. `rows`: part of a window, nobody's until its `commit` is there. `commit`: ends a
 * window; its first line is the resume point (see `Resumed`), its second the closing record.
 */
export const kinds = ['events', 'rows', 'commit'] as const;
export type EntryKind = (typeof kinds)[number];

export interface EntryHead {
  readonly kind: EntryKind;
  readonly number: number;
  readonly sequence: number;
  readonly count: number;
}

export interface Entry extends EntryHead {
  readonly payload: Uint8Array;
  /** Where the next one starts. */
  readonly end: number;
}

export const headBytes = 36;
const magic = Buffer.from('SNDE', 'latin1');
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Level 1: at level 3 the agent would spend twice the CPU for a tenth less disk. */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export async function encodeEntry(head: EntryHead, lines: readonly unknown[]): Promise<Buffer> {
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  const payload = await compress(Buffer.from(text), compression);
  const entry = Buffer.alloc(headBytes + payload.length);
  magic.copy(entry);
  entry.writeUInt32LE(payload.length, 8);
  entry.writeUInt8(kinds.indexOf(head.kind), 12);
  entry.writeBigUInt64LE(BigInt(head.number), 16);
  entry.writeBigUInt64LE(BigInt(head.sequence), 24);
  entry.writeUInt32LE(head.count, 32);
  payload.copy(entry, headBytes);
  entry.writeUInt32LE(crc32(entry.subarray(8)), 4);
  return entry;
}

/** The length in bytes that an entry at `offset` claims, or undefined if none can be there. */
export function claimedBytes(bytes: Buffer, offset: number): number | undefined {
  if (offset + headBytes > bytes.length || magic.compare(bytes, offset, offset + 4) !== 0) return undefined;
  const length = bytes.readUInt32LE(offset + 8);
  return length > entryLimits.payloadBytesMax ? undefined : headBytes + length;
}

/** The whole and undamaged entry at `offset`, if there is one. */
export function entryAt(bytes: Buffer, offset: number): Entry | undefined {
  const length = claimedBytes(bytes, offset);
  if (length === undefined || offset + length > bytes.length) return undefined;
  const end = offset + length;
  if (crc32(bytes.subarray(offset + 8, end)) !== bytes.readUInt32LE(offset + 4)) return undefined;
  const kind = kinds[bytes.readUInt8(offset + 12)];
  if (kind === undefined) return undefined;
  return {
    kind,
    number: Number(bytes.readBigUInt64LE(offset + 16)),
    sequence: Number(bytes.readBigUInt64LE(offset + 24)),
    count: bytes.readUInt32LE(offset + 32),
    payload: bytes.subarray(offset + headBytes, end),
    end,
  };
}

/** Where the next undamaged entry starts at `from` or behind it; -1 if there is none. */
export function nextEntry(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(magic, from); at >= 0; at = bytes.indexOf(magic, at + 1)) {
    if (entryAt(bytes, at)) return at;
  }
  return -1;
}

export async function decodeLines(entry: Entry): Promise<unknown[]> {
  const text = await decompress(entry.payload, { maxOutputLength: entryLimits.textBytesMax });
  return text
    .toString('utf8')
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
