/**
 * Which programs of a generation are attached. Switches whole signals; where the generation is pinned, its
 * links are, so that the kernel counts on without an agent.
 *
 * A signal that was being switched when its agent was killed is there in part: then the generation is not
 * whole, and counting begins anew.
 */

import { existsSync, rmSync } from 'node:fs';
import { optionalSignals, signalNames, type SignalName } from '../../model/signals.ts';
import type { Native, NativeObject } from './native.ts';
import type { Pins } from './pins.ts';
import { allPrograms, cgroupRoot, isOnCgroup, programsOf, signalPrograms } from './signals.ts';

/** Where a generation is pinned. */
export interface Pinned {
  readonly pins: Pins;
  readonly generation: string;
}

/** A pinned link's file goes first: the kernel lets go of the program with the last name and descriptor. */
function unpin({ pins, generation }: Pinned, program: string): void {
  rmSync(pins.linkPath(generation, program), { force: true });
}

/** Whether each signal's programs are held attached all or none, and those that must be on are. */
export function isWhole({ pins, generation }: Pinned): boolean {
  return signalNames.every((name) => {
    const programs = programsOf(name);
    const held = programs.filter((program) => existsSync(pins.linkPath(generation, program))).length;
    return held === programs.length || (held === 0 && optionalSignals.includes(name));
  });
}

export interface Attachments {
  /** Those that are on, in the order of `signalNames`. */
  signals(): readonly SignalName[];
  /** Takes over what an agent before left attached. One that was being ended lacks some. */
  adopt(pinned: Pinned): void;
  /**
   * Leaves exactly these attached. What the kernel has against one that it refuses is returned; that one is
   * off. Throws it for one that must be on.
   */
  switchTo(wanted: readonly SignalName[], pinned: Pinned | undefined): ReadonlyMap<SignalName, string>;
  pinAll(pinned: Pinned): void;
  /** The links' names first: see `Kernel.detach`. */
  detachAll(pinned: Pinned | undefined): void;
}

/** `leaves`: see `programsOf`. */
export function attachmentsOf(native: Native, object: NativeObject, leaves?: boolean): Attachments {
  const on = new Set<SignalName>();
  const signals = () => signalNames.filter((name) => on.has(name));

  function attach(name: SignalName): void {
    const of = signalPrograms[name];
    const root = of.onCgroup ? cgroupRoot() : undefined;
    if (of.onCgroup && root === undefined) throw new Error('no cgroup2 file system is mounted');
    for (const program of programsOf(name, leaves)) {
      if (root !== undefined && isOnCgroup(of, program)) native.attach(object, program, root);
      else native.attach(object, program);
    }
    on.add(name);
  }

  function detach(name: SignalName, pinned: Pinned | undefined): void {
    for (const program of programsOf(name, leaves)) {
      if (pinned) unpin(pinned, program);
      native.detach(object, program);
    }
    on.delete(name);
  }

  function pin(name: SignalName, { pins, generation }: Pinned): void {
    for (const program of programsOf(name, leaves))
      native.pinLink(object, program, pins.linkPath(generation, program));
  }

  return {
    signals,
    adopt({ pins, generation }) {
      for (const name of signalNames) {
        for (const program of programsOf(name, leaves)) {
          const path = pins.linkPath(generation, program);
          if (!existsSync(path)) continue;
          native.openLink(object, program, path);
          on.add(name);
        }
      }
    },
    switchTo(wanted, pinned) {
      const refused = new Map<SignalName, string>();
      for (const name of signals()) if (!wanted.includes(name)) detach(name, pinned);
      for (const name of wanted) {
        if (on.has(name)) continue;
        try {
          attach(name);
          if (pinned) pin(name, pinned);
        } catch (error) {
          if (!optionalSignals.includes(name)) throw error;
          detach(name, pinned);
          refused.set(name, (error as Error).message);
        }
      }
      return refused;
    },
    pinAll(pinned) {
      for (const name of signals()) pin(name, pinned);
    },
    detachAll(pinned) {
      pinned?.pins.dropLinks(pinned.generation);
      for (const program of allPrograms) native.detach(object, program);
      on.clear();
    },
  };
}
