/** Opens the kernel's side: a generation that a killed agent left, if it can go on, or a new one. */

import { isOperatorError } from '../../lib/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import {
  generationName,
  objectDigest,
  parseGenerationName,
  type Birth,
  type KernelLimits,
} from './generation.ts';
import type { Namespaces, VanishedNamespaces } from './namespaces.ts';
import type { Native } from './native.ts';
import { showRemoved, type Pins } from './pins.ts';
import { Kernel } from './programs.ts';

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
  /** CLOCK_MONOTONIC. */
  readonly nowNs: bigint;
  readonly log: Log;
}

export interface OpenedKernel {
  readonly kernel: Kernel;
  readonly scope: readonly bigint[] | undefined;
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
  const { flowRowsMax, eventBytesMax } = options.limits;
  if (kernel.control.stopped() === 'orphaned') return 'no agent was there for too long';
  if (kernel.control.stopped() === 'by_agent') return 'its agent was being stopped';
  if (kernel.limits.flowRowsMax !== flowRowsMax || kernel.limits.eventBytesMax !== eventBytesMax)
    return 'the limits are other ones now';
  return sameScope(birth.scope, options.scope) ? undefined : 'the network namespaces are other ones now';
}

/** Takes a generation over. Throws why that cannot be. */
function adopt(pins: Pins, generation: string, options: OpenOptions): OpenedKernel {
  const { native, object, committed } = options;
  const digest = objectDigest(object);
  const name = parseGenerationName(generation);
  if (name?.digest !== digest) throw new Error('its programs are of another build');
  const kernel = new Kernel(native, object, name.limits, { pins, generation });
  try {
    kernel.control.seen(options.nowNs); // before looking whether it went idle: from here on it does not
    const birth = kernel.birth();
    const own = committed?.agentId === birth.agentId ? committed : undefined;
    if (own?.last === true) throw new Error('it was stopped, and told to the end');
    const problem = mismatch(kernel, own?.number ?? 0);
    if (problem !== undefined) throw new Error(problem);
    const outdated = outdatedBy(kernel, birth, options);
    if (!kernel.isWhole() && kernel.control.stopped() === 'no')
      throw new Error('not all of its programs are attached');
    return {
      kernel,
      scope: birth.scope,
      name: generationName(digest, options.limits),
      adopted: { birth, committed: own?.number ?? 0, outdated },
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

/**
 * What cannot be taken over is detached and removed before anything new is attached, and said: two
 * generations never count at once.
 */
export function openKernel(options: OpenOptions): OpenedKernel {
  const { native, object, limits, pins } = options;
  const adopted = pins && adoptAny(pins, options);
  if (adopted) return adopted;
  const name = generationName(objectDigest(object), limits);
  const kernel = new Kernel(native, object, limits);
  if (options.scope) kernel.scope(options.scope);
  return { kernel, scope: options.scope, name };
}

export interface CountingOptions {
  readonly pins: Pins | undefined;
  readonly agentId: string;
  readonly since: string;
  readonly vanished: VanishedNamespaces;
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
  { kernel, name, scope, adopted }: OpenedKernel,
  namespaces: Namespaces,
  options: CountingOptions,
): Promise<void> {
  const { agentId, since, vanished, log } = options;
  if (adopted) {
    await kernel.resume(adopted.committed);
    namespaces.resume(adopted.birth.baselines, vanished);
    const how = adopted.outdated === undefined ? 'going on with' : `${adopted.outdated}: closing`;
    log.info(`${how} the counts of the agent before, behind window ${String(adopted.committed)}`);
  } else {
    await kernel.start();
    const baselines = await namespaces.start();
    if (!options.pins) return;
    if (!kernel.pin(options.pins, { name, birth: { agentId, since, scope, baselines } }))
      log.warn('too many network namespaces to pin the counts: a killed agent leaves a gap');
  }
  const idleNs = BigInt(Math.round(options.orphanMs)) * 1_000_000n;
  kernel.control.orphanAfter({ idleNs, nowNs: options.clock.monotonicNs() });
}
