/**
 * Loads the programs of as many signals as this kernel takes, found by trying: one that it refuses is left
 * out, with the reason, and the others are loaded without it.
 */

import { isOperatorError } from '../../lib/errors.ts';
import { optionalSignals, signalNames, type SignalName } from '../../model/signals.ts';
import type { Native } from './native.ts';
import { Kernel, type KernelOptions } from './programs.ts';

export interface Loaded {
  readonly kernel: Kernel;
  /** What the kernel has against a signal's programs, by signal; empty on most. */
  readonly refused: ReadonlyMap<SignalName, string>;
}

type Options = Omit<KernelOptions, 'signals' | 'netnsOfPackets'>;

/** Undefined when all is well; else what the kernel has against them. Throws all that is not about them. */
function trial(
  load: (signals: readonly SignalName[]) => Kernel,
  names: readonly SignalName[],
): string | undefined {
  try {
    void load(names)[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'kernel.load_failed') throw error;
    return error.message;
  }
}

/** Throws what the kernel has against them, as `load` does. */
function loadBest(load: (netnsOfPackets: boolean) => Kernel): Kernel {
  try {
    return load(true);
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'kernel.load_failed') throw error;
    return load(false);
  }
}

/** Throws kernel.load_failed when even those that must be there are refused. */
export function loadSupported(native: Native, object: string, options: Options): Loaded {
  const load = (names: readonly SignalName[]) =>
    loadBest((netnsOfPackets) => new Kernel(native, object, { ...options, signals: names, netnsOfPackets }));
  const refused = new Map<SignalName, string>();
  try {
    return { kernel: load(signalNames), refused };
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'kernel.load_failed') throw error;
  }
  const taken = signalNames.filter((name) => !optionalSignals.includes(name));
  for (const name of optionalSignals) {
    const reason = trial(load, [...taken, name]);
    if (reason === undefined) taken.push(name);
    else refused.set(name, reason);
  }
  return { kernel: load(taken), refused };
}
