/**
 * Loads the programs of as many signals as this kernel takes, found by trying: one that it refuses is left
 * out, with the reason, and the others are loaded without it.
 */

import { existsSync } from 'node:fs';
import { isOperatorError } from '../../lib/errors.ts';
import { optionalSignals, signalNames, type SignalName } from '../../model/signals.ts';
import type { Native } from './native.ts';
import { btfPath } from './object.ts';
import { Kernel, type KernelOptions } from './programs.ts';
import { signalPrograms } from './signals.ts';

export interface Loaded {
  readonly kernel: Kernel;
  /** What the kernel has against a signal's programs, by signal; empty on most. */
  readonly refused: ReadonlyMap<SignalName, string>;
}

type Options = Omit<KernelOptions, 'signals' | 'refused' | 'netnsOfPackets'>;

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

/** Signals that would never tell anything here, though they may load. Without types none will: loading says so. */
function lacking(native: Native): Map<SignalName, string> {
  if (!existsSync(btfPath)) return new Map();
  const reasons = signalNames.map((name) => [name, signalPrograms[name].lack?.(native)] as const);
  return new Map(reasons.filter((of): of is [SignalName, string] => of[1] !== undefined));
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
  const refused = lacking(native);
  const load = (names: readonly SignalName[]) =>
    loadBest(
      (netnsOfPackets) => new Kernel(native, object, { ...options, signals: names, refused, netnsOfPackets }),
    );
  const possible = signalNames.filter((name) => !refused.has(name));
  try {
    return { kernel: load(possible), refused };
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'kernel.load_failed') throw error;
  }
  const taken = possible.filter((name) => !optionalSignals.includes(name));
  for (const name of possible.filter((of) => optionalSignals.includes(of))) {
    const reason = trial(load, [...taken, name]);
    if (reason === undefined) taken.push(name);
    else refused.set(name, reason);
  }
  return { kernel: load(taken), refused };
}
