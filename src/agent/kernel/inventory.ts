/** What the object file has, without loading it: how large its maps are, and what its programs attach to. */

import type { SignalName } from '../../model/signals.ts';
import { signalNames } from '../../model/signals.ts';
import type { KernelLimits } from './generation.ts';
import type { Hook, MapSize, Native } from './native.ts';
import { openObject, sizeMaps } from './programs.ts';
import { allPrograms, signalPrograms } from './signals.ts';

export interface Inventory {
  readonly maps: readonly MapSize[];
  readonly hooks: readonly (Hook & { readonly onCgroup: boolean })[];
}

/** Their programs attach to the root of the control groups. */
export const cgroupSignals: readonly SignalName[] = signalNames.filter(
  (name) => signalPrograms[name].onCgroup === true,
);

/** Throws build.broken_object. */
export function readInventory(native: Native, path: string, limits: KernelLimits): Inventory {
  const { object } = openObject(native, path);
  try {
    sizeMaps(native, object, limits);
    const onCgroup = new Set(cgroupSignals.flatMap((name) => signalPrograms[name].programs));
    const hooks = native.hooks(object).filter(({ program }) => allPrograms.includes(program));
    return {
      maps: native.sizes(object),
      hooks: hooks.map((hook) => ({ ...hook, onCgroup: onCgroup.has(hook.program) })),
    };
  } finally {
    native.close(object);
  }
}
