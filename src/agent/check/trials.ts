/** Tries the kernel: what the programs are made of, then the signals. Everything that is tried is undone. */

import { formatWhatToDo, isOperatorError } from '../../lib/errors.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';
import type { ProbeName } from './catalogue.ts';
import { finding, type Finding, type Reason, type Trial } from './report.ts';

/** What is done to the kernel; injected. What it refuses is thrown. */
export interface Attempts {
  readonly makeSocketStorage: () => boolean;
  readonly makeRing: () => boolean;
  /** Loads the walk over the file tables alone, runs it, and hands on what closes a window. */
  readonly withSweep: (act: (closeWindow: () => Promise<void>) => Promise<void>) => Promise<void>;
  /** Loads and attaches, one after the other; those that the kernel refuses, with its reason. */
  readonly attachSignals: () => Promise<ReadonlyMap<SignalName, string>>;
}

export interface Tried {
  readonly findings: readonly Finding[];
  readonly trials: ReadonlyMap<SignalName, Trial>;
}

export function reasonOf(error: unknown): Reason {
  const { message } = error as Error;
  return isOperatorError(error) ? { detail: message, whatToDo: formatWhatToDo(error) } : { detail: message };
}

function makes(probe: ProbeName, make: () => boolean): Finding {
  try {
    if (make()) return finding(probe, { result: 'ok', detail: 'works' });
    return finding(probe, { result: 'missing', detail: 'this kernel has none' });
  } catch (error) {
    return finding(probe, { result: 'missing', detail: reasonOf(error).detail });
  }
}

function refused(probe: ProbeName, error: unknown): Finding {
  const { detail, whatToDo } = reasonOf(error);
  return finding(probe, { result: 'missing', detail, ...(whatToDo === undefined ? {} : { whatToDo }) });
}

/** The walk runs, and a window can be closed behind it. */
async function trySweep({ withSweep }: Attempts): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    await withSweep(async (closeWindow) => {
      findings.push(finding('iterator', { result: 'ok', detail: 'works' }));
      try {
        await closeWindow();
        findings.push(finding('batches', { result: 'ok', detail: 'work' }));
      } catch (error) {
        findings.push(refused('batches', error));
      }
    });
  } catch (error) {
    findings.push(refused('iterator', error));
  }
  return findings;
}

async function trySignals({ attachSignals }: Attempts): Promise<Map<SignalName, Trial>> {
  try {
    const reasons = await attachSignals();
    const trialOf = (name: SignalName): Trial => {
      const reason = reasons.get(name);
      return reason === undefined ? { outcome: 'taken' } : { outcome: 'refused', reason };
    };
    return new Map(signalNames.map((name) => [name, trialOf(name)]));
  } catch (error) {
    const { detail: reason, whatToDo } = reasonOf(error); // even what must always be on was refused
    const told = { outcome: 'refused', reason, ...(whatToDo === undefined ? {} : { whatToDo }) } as const;
    return new Map(signalNames.map((name) => [name, told]));
  }
}

/** None is tried: what these findings say is in the way. */
export function untried(missing: readonly Finding[]): Map<SignalName, Trial> {
  const trial: Trial = { outcome: 'untried', missing: missing.map(({ probe }) => probe) };
  return new Map(signalNames.map((name) => [name, trial]));
}

export async function tryKernel(attempts: Attempts, signal: AbortSignal): Promise<Tried> {
  const findings = [
    makes('socketStorage', attempts.makeSocketStorage),
    makes('ring', attempts.makeRing),
    ...(await trySweep(attempts)),
  ];
  signal.throwIfAborted();
  const missing = findings.filter(({ result }) => result === 'missing');
  if (missing.length > 0) return { findings, trials: untried(missing) };
  return { findings, trials: await trySignals(attempts) };
}
