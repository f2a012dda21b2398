/** The two tables of numbers of an object's maps. */

import type { TypeInformation } from '../../lib/btf.ts';
import type { KernelLimits } from './generation.ts';
import type { Native, NativeError, NativeObject } from './native.ts';
import { numberedTables, openNumbers, type NumberTable, type TableName } from './numbers.ts';
import { shareReturner } from './shares.ts';

interface Tables {
  readonly types: TypeInformation;
  readonly limits: KernelLimits;
  /** Values in place. */
  readonly tables: Readonly<Record<TableName, ArrayBuffer>>;
}

const noSuchKey = 2; // ENOENT

/** A batch stops at the first key that is not there; then one by one. */
async function removeKeys(
  remove: (keys: readonly Uint8Array[]) => Promise<void>,
  keys: readonly Uint8Array[],
): Promise<void> {
  const tried = async (some: readonly Uint8Array[]) => {
    try {
      await remove(some);
      return true;
    } catch (error) {
      if ((error as NativeError).errno !== noSuchKey) throw error;
      return false;
    }
  };
  if (await tried(keys)) return;
  for (const key of keys) await tried([key]);
}

export function openNumberTables(
  native: Native,
  object: NativeObject,
  { types, limits, tables }: Tables,
): Readonly<Record<TableName, NumberTable>> {
  function open(name: TableName, places: number): NumberTable {
    const { ids } = numberedTables[name];
    const remove = (keys: readonly Uint8Array[]) =>
      native.remove(object, ids, new Uint8Array(Buffer.concat(keys)), keys.length);
    return openNumbers({
      types,
      name,
      numbers: native.view(object, 'numbers'),
      table: tables[name],
      places,
      removeKeys: (keys) => removeKeys(remove, keys),
      ...(name === 'owners' ? { freed: shareReturner(types, native.view(object, 'shares')) } : {}),
    });
  }
  return {
    owners: open('owners', limits.ownersMax),
    namespaces: open('namespaces', limits.namespacesMax),
  };
}
