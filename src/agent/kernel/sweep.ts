/**
 * Runs the sweep of sockets (bpf/sweep.bpf.c). Mostly one program meets all of them through the file tables.
 * Where the kernel lets no program touch a socket that it reached so, there are two parts: who has which
 * socket, and then the sockets, one network namespace after the other; in one that cannot be entered, what is
 * open is told when it ends.
 *
 * Must not be run again before it has ended.
 */

import { existsSync, statSync } from 'node:fs';
import type { SignalName } from '../../model/signals.ts';
import { findNamespaces } from './namespaces.ts';
import type { Native, NativeError, NativeObject } from './native.ts';
import { btfPath, openObject } from './object.ts';
import { isVerdict } from './refusal.ts';
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
  if (!existsSync(btfPath) || native.kernelArguments('bpf_task_from_pid') < 0) return false;
  const { object } = openObject(native, path);
  try {
    const names = native.programs(object).map(({ name }) => name);
    if (!names.includes(probe)) return false; // an older build
    for (const name of names.filter((of) => of !== probe)) native.skip(object, name);
    native.load(object);
    return false;
  } catch (error) {
    return isVerdict((error as NativeError).log); // what else is wrong is said when the programs are loaded
  } finally {
    native.close(object);
  }
}

export interface SweepParts {
  readonly native: Native;
  readonly object: NativeObject;
  readonly isInTwo: boolean;
  /** Inodes of the network namespaces that the programs have met; undefined: more than they have places for. */
  readonly met: () => readonly number[] | undefined;
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

/** Before it is loaded: programs for other kernels, which this one may refuse. */
export function leaveOutSweeps(native: Native, object: NativeObject, isInTwo: boolean): void {
  const others = [probe, ...(isInTwo ? whole : inTwo)];
  for (const { name } of native.programs(object)) if (others.includes(name)) native.skip(object, name);
}

/** ENOENT, or EINVAL for a process that has exited: gone. EPERM, EACCES: out of reach; coverage names those. */
const isOutOfReach = ({ errno = 0 }: NativeError): boolean => [1, 2, 3, 13, 22].includes(errno);

function sweepInTwo({ native, object, met, signals }: SweepParts): Pick<Sweep, 'seed' | 'run'> {
  let hadDatagrams = false;
  const ofDatagrams = (): boolean => signals().some((name) => signalPrograms[name].ofDatagrams === true);

  async function runWithin(program: string, inode: number, path: string): Promise<void> {
    try {
      await native.run(object, program, path);
    } catch (error) {
      if (!isOutOfReach(error as NativeError)) throw error;
      const other = findNamespaces().get(inode); // of another process that is in it
      if (other !== undefined && other !== path)
        await native.run(object, program, other).catch(() => undefined);
    }
  }

  async function walk(paths: ReadonlyMap<number, string>): Promise<void> {
    const own = statSync('/proc/self/ns/net').ino;
    await native.run(object, 'sweep_holders');
    for (const [inode, path] of paths) {
      for (const program of ['sweep_sockets', ...(ofDatagrams() ? ['sweep_datagrams'] : [])]) {
        if (inode === own) await native.run(object, program);
        else await runWithin(program, inode, path);
      }
    }
  }

  /** In the first walk each gets a record, and a cookie to be known by. */
  async function seed(): Promise<void> {
    const all = findNamespaces();
    hadDatagrams = ofDatagrams();
    for (const _ of [1, 2]) await walk(all);
  }

  return {
    seed,
    async run() {
      if (ofDatagrams() && !hadDatagrams) return seed(); // switched on meanwhile: its sockets are all older
      hadDatagrams = ofDatagrams();
      const inodes = met();
      const all = [...findNamespaces()];
      await walk(new Map(inodes ? all.filter(([inode]) => inodes.includes(inode)) : all));
    },
  };
}

export function openSweep(parts: SweepParts): Sweep {
  const { native, object, isInTwo } = parts;
  const runWhole = (): Promise<void> => native.run(object, 'sweep');
  return {
    attach() {
      for (const program of isInTwo ? inTwo : whole) native.attach(object, program);
    },
    ...(isInTwo ? sweepInTwo(parts) : { seed: runWhole, run: runWhole }),
  };
}
