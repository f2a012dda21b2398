/** Reads a whole map in one batch, into arrays that grow to what there is and are used again. */

import type { Native, NativeError, NativeObject } from './native.ts';

/** `count` keys and values, valid until the next read. */
export interface RawRows {
  readonly count: number;
  readonly keys: DataView;
  readonly values: DataView;
}

export interface RowSizes {
  readonly keySize: number;
  readonly valueSize: number;
  /** More than a map ever gives. */
  readonly rowsMax: number;
}

const rowsAtFirst = 1024;

/** E2BIG, ENOSPC: there is more than fits. */
function isFull(error: NativeError): boolean {
  return error.errno === 7 || error.errno === 28;
}

export type ReadRows = (map: string) => Promise<RawRows>;

export function rowReader(native: Native, object: NativeObject, sizes: RowSizes): ReadRows {
  const { keySize, valueSize, rowsMax } = sizes;
  let rows = rowsAtFirst;
  let keys = new Uint8Array(rows * keySize);
  let values = new Uint8Array(rows * valueSize);

  function grow(): void {
    rows = Math.min(rows * 4, rowsMax);
    keys = new Uint8Array(rows * keySize);
    values = new Uint8Array(rows * valueSize);
  }

  return async (map) => {
    for (;;) {
      try {
        const count = await native.read(object, map, keys, values);
        return { count, keys: new DataView(keys.buffer), values: new DataView(values.buffer) };
      } catch (error) {
        if (!isFull(error as NativeError) || rows >= rowsMax) throw error;
        grow();
      }
    }
  };
}
