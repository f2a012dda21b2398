/**
 * The type information of the real object, for tests of what reads its records. Needs the build, not root.
 */

import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { parseBtf, type TypeInformation } from '../src/lib/btf.ts';

export function kernelTypes(): TypeInformation {
  const paths = artefacts();
  const native = loadNative(paths);
  const object = native.open(paths.object);
  try {
    return parseBtf(native.btf(object));
  } finally {
    native.close(object);
  }
}

/** Writes fields of records by name, where the object's layout has them. */
export interface RecordWriter {
  readonly view: DataView;
  readonly size: number;
  /** A scalar, or the bytes of an array, in the record that starts at `base`. */
  set(name: string, value: number | bigint | Uint8Array, base?: number): void;
}

export function recordWriter(types: TypeInformation, struct: string, records = 1): RecordWriter {
  const layout = types.layout(struct);
  const view = new DataView(new ArrayBuffer(layout.size * records));
  return {
    view,
    size: layout.size,
    set(name, value, base = 0) {
      const { offset, size } = layout.field(name);
      const at = base + offset;
      if (value instanceof Uint8Array) new Uint8Array(view.buffer).set(value, at);
      else if (size === 8) view.setBigUint64(at, BigInt(value), true);
      else if (size === 4) view.setUint32(at, Number(value), true);
      else if (size === 2) view.setUint16(at, Number(value), true);
      else view.setUint8(at, Number(value));
    },
  };
}

/** The 16 bytes of `a.b.c.d` mapped, or of eight groups. */
export function addressBytes(...parts: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(16);
  if (parts.length === 4) bytes.set([0xff, 0xff, ...parts], 10);
  else parts.forEach((group, i) => bytes.set([group >> 8, group & 0xff], 2 * i));
  return bytes;
}
