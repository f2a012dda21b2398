/**
 * The inventory of listeners, which the programs keep and the sweep brings up to date. An entry is only
 * deleted when its listener is gone: then no program writes to it any more, unless the socket listens again.
 */

import type { TypeInformation } from '../../lib/btf.ts';
import type { Native, NativeObject } from './native.ts';
import { rowReader, type RawRows } from './rows.ts';

const map = 'listeners';
/** LISTENERS_MAX, and those that begin while it is read. */
const rowsMax = 16_384;
const keySize = 8;

export interface Listeners {
  read(): Promise<RawRows>;
  /** Deletes those that were gone when it was read, and still are. */
  forgetGone(raw: RawRows): Promise<void>;
}

export function openListeners(native: Native, object: NativeObject, types: TypeInformation): Listeners {
  const layout = types.layout('listener');
  const gone = layout.field('gone').offset;
  const sizes = { keySize, valueSize: layout.size, rowsMax };
  const [read, readAgain] = [rowReader(native, object, sizes), rowReader(native, object, sizes)];
  const goneIn = ({ count, keys, values }: RawRows) =>
    Array.from({ length: count }, (_, index) => index)
      .filter((index) => values.getUint32(index * layout.size + gone, true) === 1)
      .map((index) => keys.getBigUint64(index * keySize, true));
  return {
    read: () => read(map),
    async forgetGone(raw) {
      const found = goneIn(raw);
      if (found.length === 0) return;
      const still = new Set(goneIn(await readAgain(map)));
      const cookies = BigUint64Array.from(found.filter((cookie) => still.has(cookie)));
      if (cookies.length > 0)
        await native.remove(object, map, new Uint8Array(cookies.buffer), cookies.length);
    },
  };
}
