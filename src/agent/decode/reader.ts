/** Reads fields of a kernel record by name. Offsets come from the object's BTF, once, at start. */

import type { Layout } from '../../lib/btf.ts';

export type Read = (view: DataView, base: number) => number;

/**
 * 64-bit counters as numbers: exact up to 2^53, which for nanoseconds is 104 days and then off by one or two.
 */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** A reader of one scalar field. */
export function reader(layout: Layout, name: string): Read {
  const { offset, size } = layout.field(name);
  switch (size) {
    case 1:
      return (view, base) => view.getUint8(base + offset);
    case 2:
      return (view, base) => view.getUint16(base + offset, true);
    case 4:
      return (view, base) => view.getUint32(base + offset, true);
    default:
      return (view, base) => readU64(view, base + offset);
  }
}

/**
 * A reader of a time that the kernel counts in jiffies, in whole milliseconds. A tick is 1, 4 or 10 of them;
 * of the others (300 Hz) less than one is rounded away.
 */
export function jiffiesReader(layout: Layout, name: string, tickNs: number): Read {
  const jiffies = reader(layout, name);
  return (view, base) => Math.round((jiffies(view, base) * tickNs) / 1e6);
}

const text = new TextDecoder();

/** A NUL-terminated string of at most `size` bytes. */
export function readString(view: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return text.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
