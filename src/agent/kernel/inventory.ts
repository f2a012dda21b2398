/** What the object file has, without loading it: how large its maps are, and what its programs attach to. */

import { signalNames, type SignalName } from '../../model/signals.ts';
import type { KernelLimits } from './generation.ts';
import type { Hook, MapSize, Native } from './native.ts';
import { openObject, sizeMaps } from './object.ts';
import { allPrograms, programsOf } from './signals.ts';

export interface Inventory {
  readonly maps: readonly MapSize[];
  readonly hooks: readonly (Hook & { readonly onCgroup: boolean })[];
  /** With a program on the root of the control groups. */
  readonly cgroupSignals: readonly SignalName[];
}

/** Throws build.broken_object. */
export function readInventory(native: Native, path: string, limits: KernelLimits): Inventory {
  const { object } = openObject(native, path);
  try {
    sizeMaps(native, object, { limits, sweepsInTwo: true }); // the most that there can be
    const hooks = native
      .hooks(object)
      .filter(({ program }) => allPrograms.includes(program))
      .map((hook) => ({ ...hook, onCgroup: hook.section.startsWith('cgroup') }));
    const onCgroup = new Set(hooks.filter((hook) => hook.onCgroup).map(({ program }) => program));
    const isOnCgroup = (name: SignalName): boolean =>
      programsOf(name).some((program) => onCgroup.has(program));
    return { maps: native.sizes(object), hooks, cgroupSignals: signalNames.filter(isOnCgroup) };
  } finally {
    native.close(object);
  }
}
