/** Tries the kernel: what the programs are made of, then the signals. Everything that is tried is undone. */

import { getSystemErrorMap } from 'node:util';
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

/** Of somebody who has the capabilities: else nothing would be tried. */
const forbidden =
  'look into the log of SELinux, AppArmor or what else filters system calls (seccomp): it refuses what the capabilities allow';

function isForbidden(error: unknown): boolean {
  if (isOperatorError(error)) return error.code === 'privileges.missing';
  return ['EPERM', 'EACCES'].includes(errnoName((error as { errno?: number }).errno));
}

function errnoName(errno: number | undefined): string {
  return errno === undefined ? '' : (getSystemErrorMap().get(-errno)?.[0] ?? '');
}

/** With the table's own remedy: that of a refused load is to ask sonde check. */
function refused(probe: ProbeName, error: unknown): Finding {
  const { detail } = reasonOf(error);
  return finding(probe, {
    result: 'missing',
    detail,
    ...(isForbidden(error) ? { whatToDo: forbidden } : {}),
  });
}

function makes(probe: ProbeName, make: () => boolean): Finding {
  try {
    if (make()) return finding(probe, { result: 'ok', detail: 'works' });
    return finding(probe, { result: 'missing', detail: 'this kernel has none' });
  } catch (error) {
    return refused(probe, error);
  }
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
    const told = { outcome: 'refused', reason: reasonOf(error).detail } as const; // also what must be on
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
