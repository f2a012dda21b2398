/**
 * Runs the sweep of sockets (bpf/sweep.bpf.c). Mostly one program meets all of them through the file tables.
 * Where the kernel lets no program touch a socket that it reached so, there are two parts: who has which
 * socket, and then the sockets, one network namespace after the other; in one that cannot be entered, what is
 * open is told when it ends.
 *
 * Must not be run again before it has ended.
 */

import { statSync } from 'node:fs';
import { isOperatorError } from '../../lib/errors.ts';
import type { SignalName } from '../../model/signals.ts';
import { findNamespaces } from './namespaces.ts';
import type { Native, NativeObject } from './native.ts';
import { loadObject, openObject } from './object.ts';
import { signalPrograms } from './signals.ts';

const whole = ['sweep'] as const;
const inTwo = ['sweep_holders', 'sweep_sockets', 'sweep_datagrams'] as const;
/** Loaded to see whether the kernel takes it. */
const probe = 'reaches_socket';

/** Programs that sweep sockets, on one kernel or another. */
export const sweepPrograms: readonly string[] = [...whole, ...inTwo];

const found = new Map<string, boolean>();

/** Whether this kernel wants the sweep in two parts. Asked of it once. */
export function wantsSweepInTwo(native: Native, path: string): boolean {
  const known = found.get(path) ?? refusesProbe(native, path);
  found.set(path, known);
  return known;
}

function refusesProbe(native: Native, path: string): boolean {
  const { object } = openObject(native, path);
  try {
    const names = native.programs(object).map(({ name }) => name);
    if (!names.includes(probe)) return false; // an older build
    for (const name of names.filter((of) => of !== probe)) native.skip(object, name);
    loadObject(native, object);
    return false;
  } catch (error) {
    // What else is wrong is said when the programs are loaded.
    return isOperatorError(error) && error.code === 'kernel.load_failed';
  } finally {
    native.close(object);
  }
}

export interface SweepParts {
  readonly native: Native;
  readonly object: NativeObject;
  readonly isInTwo: boolean;
  /** Inodes of the network namespaces that the programs have met. */
  readonly met: () => readonly number[];
  /** Those that are on. */
  readonly signals: () => readonly SignalName[];
}

export interface Sweep {
  attach(): void;
  /** Of everything that is there, before counting begins. */
  seed(): Promise<void>;
  /** At a window's end. */
  run(): Promise<void>;
}

/** Programs not to be loaded. */
export function sweepsLeftOut(isInTwo: boolean): readonly string[] {
  return [probe, ...(isInTwo ? whole : inTwo)];
}

export function openSweep({ native, object, isInTwo, met, signals }: SweepParts): Sweep {
  const own = (): number => statSync('/proc/self/ns/net').ino;

  async function runWithin(program: string, path: string): Promise<void> {
    try {
      await native.run(object, program, path);
    } catch (error) {
      // Gone, or out of reach: coverage says which those are.
      if (!/^(open|enter) the network namespace/.test((error as Error).message)) throw error;
    }
  }

  async function sweepSockets(paths: ReadonlyMap<number, string>): Promise<void> {
    const datagrams = signals().some((name) => signalPrograms[name].ofDatagrams === true);
    const home = own();
    for (const [inode, path] of paths) {
      for (const program of ['sweep_sockets', ...(datagrams ? ['sweep_datagrams'] : [])]) {
        if (inode === home) await native.run(object, program);
        else await runWithin(program, path);
      }
    }
  }

  function pathsOfMet(): Map<number, string> {
    const inodes = new Set(met());
    return new Map([...findNamespaces()].filter(([inode]) => inodes.has(inode)));
  }

  const runWhole = (): Promise<void> => native.run(object, 'sweep');
  const inParts = {
    async seed() {
      const all = findNamespaces();
      await sweepSockets(all); // from here on each has a record, and a cookie to be known by
      await native.run(object, 'sweep_holders');
      await sweepSockets(all);
    },
    async run() {
      await native.run(object, 'sweep_holders');
      await sweepSockets(pathsOfMet());
    },
  };
  return {
    attach() {
      for (const program of isInTwo ? inTwo : whole) native.attach(object, program);
    },
    ...(isInTwo ? inParts : { seed: runWhole, run: runWhole }),
  };
}
