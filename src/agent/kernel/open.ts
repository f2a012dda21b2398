/** Opens the kernel's side: a generation that a killed agent left, if it can go on, or a new one. */

import { isOperatorError } from '../../lib/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { optionalSignals, signals, type SignalName } from '../../model/signals.ts';
import {
  generationName,
  objectDigest,
  parseGenerationName,
  sameLimits,
  type Birth,
  type KernelLimits,
} from './generation.ts';
import type { ControlWords } from './control.ts';
import type { KeptObjects } from './kept-object.ts';
import type { Namespaces, NamespacesState } from './namespaces.ts';
import type { Native } from './native.ts';
import { showRemoved, type Pins } from './pins.ts';
import type { Kernel } from './programs.ts';
import { loadSupported } from './supported.ts';

/** The newest window that is safe, and of which generation it is. */
export interface Committed {
  readonly agentId: string;
  readonly number: number;
  /** It was that generation's last one. */
  readonly last: boolean;
}

export interface OpenOptions {
  readonly native: Native;
  readonly object: string;
  readonly limits: KernelLimits;
  readonly scope: readonly bigint[] | undefined;
  /** Undefined: counting ends with this process. */
  readonly pins: Pins | undefined;
  readonly committed: Committed | undefined;
  /** Object files of generations of other builds. */
  readonly kept: KeptObjects;
  /** Tells the programs what the configuration says. */
  readonly configure: (control: ControlWords) => void;
  /** Those to be on. One that this kernel refuses is left out, and named. */
  readonly signals: readonly SignalName[];
  /** CLOCK_MONOTONIC. */
  readonly nowNs: bigint;
  readonly log: Log;
}

export interface OpenedKernel {
  readonly kernel: Kernel;
  /** It counts already, beside the one before it. */
  readonly succeeds?: true;
  readonly scope: readonly bigint[] | undefined;
  /** To be on, and taken by this kernel. */
  readonly signals: readonly SignalName[];
  /** What a new generation is called when it is pinned. */
  readonly name: string;
  /** Undefined: a new one, not started yet. */
  readonly adopted?: Adopted;
}

export interface Adopted {
  readonly birth: Birth;
  /** The newest window of it that is safe. */
  readonly committed: number;
  /** Why it cannot go on as it is: its last window is to be closed, then a new one begins. */
  readonly outdated: string | undefined;
}

function sameScope(a: readonly bigint[] | undefined, b: readonly bigint[] | undefined): boolean {
  const text = (cookies: readonly bigint[] | undefined) => cookies?.map(String).sort().join(' ');
  return text(a) === text(b);
}

/** Why the kernel's side and the newest safe window do not fit together; undefined if they do. */
function mismatch(kernel: Kernel, committed: number): string | undefined {
  const { window, cleared } = kernel.control.position();
  // At rest all three are equal; while a window is being closed `window` is ahead; being cleared, `cleared`
  // is behind.
  const fits = (committed === window || committed === cleared) && window - cleared <= 1;
  return fits ? undefined : `the kernel is at window ${String(window)}, the spool at ${String(committed)}`;
}

/** Why it can only be finished. */
function outdatedBy(kernel: Kernel, birth: Birth, options: OpenOptions): string | undefined {
  if (kernel.control.stopped() === 'orphaned') return 'no agent was there for too long';
  if (kernel.control.stopped() === 'by_agent') return 'its agent was being stopped';
  if (!sameLimits(kernel.limits, options.limits)) return 'the limits are other ones now';
  return sameScope(birth.scope, options.scope) ? undefined : 'the network namespaces are other ones now';
}

function tellRefused(refused: ReadonlyMap<SignalName, string>, log: Log): void {
  for (const [name, reason] of refused)
    log.warn(`without the signal ${name} (${signals[name].tells}): ${reason}`);
}

/** Says which of the signals this kernel refuses, and goes on without them. */
function load(
  { native, object, signals: wanted, log }: OpenOptions,
  what: Parameters<typeof loadSupported>[2],
): Pick<OpenedKernel, 'kernel' | 'signals'> {
  const { kernel, refused } = loadSupported(native, object, what);
  tellRefused(new Map([...refused].filter(([name]) => wanted.includes(name))), log);
  return { kernel, signals: wanted.filter((name) => !refused.has(name)) };
}

/** The object file that a generation was made with, which may be another build's, and its limits. */
function makeOf(generation: string, { object, kept }: OpenOptions): { object: string; limits: KernelLimits } {
  const name = parseGenerationName(generation);
  const from = name?.digest === objectDigest(object) ? object : name && kept.of(name.digest);
  if (name && from !== undefined) return { object: from, limits: name.limits };
  throw new Error('its programs are of another build, which is gone');
}

/** Where a generation stands. Throws why it cannot be taken over. */
function stand(kernel: Kernel, options: OpenOptions): Adopted {
  kernel.control.seen(options.nowNs); // before looking whether it went idle: from here on it does not
  const birth = kernel.birth();
  const own = options.committed?.agentId === birth.agentId ? options.committed : undefined;
  if (own?.last === true) throw new Error('it was stopped, and told to the end');
  const problem = mismatch(kernel, own?.number ?? 0);
  if (problem !== undefined) throw new Error(problem);
  const outdated = outdatedBy(kernel, birth, options);
  if (!kernel.isWhole() && kernel.control.stopped() === 'no')
    throw new Error('not all of its programs are attached');
  return { birth, committed: own?.number ?? 0, outdated };
}

/** Takes a generation over. Throws why that cannot be. */
function adopt(pins: Pins, generation: string, options: OpenOptions): OpenedKernel {
  const { object, limits } = makeOf(generation, options);
  const { kernel, signals: taken } = load({ ...options, object }, { limits, pinned: { pins, generation } });
  try {
    const adopted = stand(kernel, options);
    const other = object === options.object ? undefined : 'its programs are of another build';
    return {
      kernel,
      signals: taken,
      scope: adopted.birth.scope,
      name: generationName(objectDigest(options.object), options.limits),
      adopted: { ...adopted, outdated: adopted.outdated ?? other },
    };
  } catch (error) {
    void kernel[Symbol.asyncDispose]();
    throw error;
  }
}

function adoptAny(pins: Pins, options: OpenOptions): OpenedKernel | undefined {
  for (const generation of pins.generations()) {
    try {
      return adopt(pins, generation, options);
    } catch (error) {
      if (isOperatorError(error)) throw error;
      const removed = showRemoved(pins.remove(generation));
      options.log.warn(
        `removed ${removed} of an agent before: ${(error as Error).message}; counting begins anew`,
      );
    }
  }
  return undefined;
}

/** Before anything is attached. */
function prepare(kernel: Kernel, { scope, configure }: OpenOptions): void {
  configure(kernel.control);
  if (scope) kernel.scope(scope);
}

/**
 * What cannot be taken over is detached and removed before anything new is attached, and said: two
 * generations never count at once.
 */
export function openKernel(options: OpenOptions): OpenedKernel {
  const { object, limits, pins } = options;
  const adopted = pins && adoptAny(pins, options);
  if (adopted) {
    options.configure(adopted.kernel.control);
    return adopted;
  }
  const name = generationName(objectDigest(object), limits);
  const loaded = load(options, { limits });
  prepare(loaded.kernel, options);
  return { ...loaded, scope: options.scope, name };
}

/**
 * The generation that comes behind one that can only be ended: it counts from now on, and what that one has
 * counted it does not. Signals that may be off come later.
 */
export async function openSuccessor(options: OpenOptions, outdated: Kernel): Promise<OpenedKernel> {
  const { object, limits } = options;
  const loaded = load(options, { limits, predecessor: outdated.pinned });
  prepare(loaded.kernel, options);
  const needed = loaded.signals.filter((name) => !optionalSignals.includes(name));
  tellRefused(await loaded.kernel.start(needed), options.log);
  const name = generationName(objectDigest(object), limits);
  return { ...loaded, scope: options.scope, name, succeeds: true };
}

export interface CountingOptions {
  readonly pins: Pins | undefined;
  /** For another build, before anything is pinned. */
  readonly keep: () => void;
  readonly agentId: string;
  readonly since: string;
  /** What the agent before knew of namespaces. */
  readonly known: NamespacesState;
  /** How long programs without an agent go on. */
  readonly orphanMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Counting begins, or goes on. A new generation is pinned last, when its baselines are read: killed before,
 * it has told nothing and leaves nothing.
 */
export async function beginCounting(
  { kernel, name, scope, signals: wanted, adopted, succeeds }: OpenedKernel,
  namespaces: Namespaces,
  options: CountingOptions,
): Promise<void> {
  const { agentId, since, known, log } = options;
  const orphanAfter = () => {
    const idleNs = BigInt(Math.round(options.orphanMs)) * 1_000_000n;
    kernel.control.orphanAfter({ idleNs, nowNs: options.clock.monotonicNs() });
  };
  if (adopted) {
    await kernel.resume(adopted.committed);
    namespaces.resume(adopted.birth.baselines, known);
    const how = adopted.outdated === undefined ? 'going on with' : `${adopted.outdated}: closing`;
    log.info(`${how} the counts of the agent before, behind window ${String(adopted.committed)}`);
    orphanAfter();
  } else {
    if (succeeds) await kernel.succeed();
    else tellRefused(await kernel.start(wanted), log);
    const baselines = await namespaces.start();
    if (!options.pins) return;
    options.keep();
    orphanAfter(); // killed from here on, nothing counts for ever
    if (!kernel.pin(options.pins, { name, birth: { agentId, since, scope, baselines } }))
      log.warn('too many network namespaces to pin the counts: a killed agent leaves a gap');
  }
}
