/**
 * Writes cpio archives in the `newc` form, the one the kernel unpacks as an initramfs. Written here because
 * cpio(1) can only name members as they lie on disk, and the guest's tree lies nowhere on the host.
 *
 * No compression: the guest's processor is emulated, and would spend a second more on gzip and half a second
 * on zstd (6.1, whole boot 4 s) to save disk that is not scarce.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename } from 'node:fs/promises';

export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
  | { readonly kind: 'bytes'; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly from: string;
      readonly size: number;
    };

const typeBits = {
  folder: 0o040000,
  link: 0o120000,
  device: 0o020000,
  bytes: 0o100000,
  file: 0o100000,
} as const;

/** `newc` keeps a size in eight hexadecimal digits. */
const fileBytesMax = 0xffff_ffff;

interface Header {
  ino: number;
  mode: number;
  links: number;
  size: number;
  major: number;
  minor: number;
  name: string;
}

function header(h: Header): Buffer {
  const name = Buffer.from(`${h.name}\0`);
  const numbers = [h.ino, h.mode, 0, 0, h.links, 0, h.size, 0, 0, h.major, h.minor, name.length, 0];
  const fixed = `070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}`;
  return padded(Buffer.concat([Buffer.from(fixed), name]));
}

/** Names (with their header) and contents both end on a multiple of four. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function content(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'bytes') return entry.bytes;
  return entry.kind === 'link' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

async function writeEntry(out: FileHandle, entry: CpioEntry, ino: number): Promise<void> {
  const bytes = content(entry);
  const size = entry.kind === 'file' ? entry.size : bytes.length;
  if (size > fileBytesMax) throw new Error(`${entry.path} is too large for an initramfs (${size} bytes)`);
  const device = entry.kind === 'device' ? entry : { major: 0, minor: 0 };
  const permission = entry.kind === 'link' ? 0o777 : entry.mode;
  const mode = typeBits[entry.kind] | (permission & 0o7777);
  const links = entry.kind === 'folder' ? 2 : 1;
  await out.write(
    header({ ino, mode, links, size, major: device.major, minor: device.minor, name: entry.path }),
  );
  if (entry.kind !== 'file') {
    await out.write(padded(bytes));
    return;
  }
  let seen = 0;
  for await (const chunk of createReadStream(entry.from, { highWaterMark: 1 << 20 })) {
    const part = chunk as Buffer;
    seen += part.length;
    await out.write(part);
  }
  // A header that lies about the size would make the kernel drop everything after it, silently.
  if (seen !== size) throw new Error(`${entry.from} changed while it was being read`);
  await out.write(Buffer.alloc((4 - (size % 4)) % 4));
}

/** Folders above each entry, once each, before it: the kernel makes none by itself. */
export function withParents(entries: readonly CpioEntry[]): CpioEntry[] {
  const seen = new Set(entries.filter((e) => e.kind === 'folder').map((e) => e.path));
  const all: CpioEntry[] = [];
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let n = 1; n < parts.length; n++) {
      const path = parts.slice(0, n).join('/');
      if (!seen.has(path)) all.push({ kind: 'folder', path, mode: 0o755 });
      seen.add(path);
    }
    all.push(entry);
  }
  return all.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/**
 * Writes a complete archive to `path`; paths of entries are relative to the guest's root. Archives can be
 * concatenated: later ones add to and overwrite earlier ones. The file appears under its name only when
 * complete.
 */
export async function writeCpio(path: string, entries: readonly CpioEntry[]): Promise<void> {
  const unfinished = `${path}.${randomUUID()}`;
  const out = await open(unfinished, 'w');
  try {
    let ino = 1;
    for (const entry of withParents(entries)) await writeEntry(out, entry, ino++);
    await out.write(header({ ino: 0, mode: 0, links: 1, size: 0, major: 0, minor: 0, name: 'TRAILER!!!' }));
  } finally {
    await out.close();
  }
  await rename(unfinished, path);
}
