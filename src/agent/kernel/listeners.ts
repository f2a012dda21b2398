/**
 * The inventory of listeners, which the programs keep and the sweep brings up to date. An entry is only
 * deleted when its listener is gone: then no program writes to it any more.
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
  /** Deletes those that were gone when it was read. */
  forgetGone(raw: RawRows): Promise<void>;
}

export function openListeners(native: Native, object: NativeObject, types: TypeInformation): Listeners {
  const layout = types.layout('listener');
  const gone = layout.field('gone').offset;
  const read = rowReader(native, object, { keySize, valueSize: layout.size, rowsMax });
  return {
    read: () => read(map),
    async forgetGone({ count, keys, values }) {
      const found = Array.from({ length: count }, (_, index) => index).filter(
        (index) => values.getUint8(index * layout.size + gone) === 1,
      );
      if (found.length === 0) return;
      const cookies = BigUint64Array.from(found, (index) => keys.getBigUint64(index * keySize, true));
      await native.remove(object, map, new Uint8Array(cookies.buffer), found.length);
    },
  };
}
