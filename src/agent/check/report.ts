/** What a look at a node comes to: findings, and what they mean for each signal and each question. */

import type { SignalName } from '../../model/signals.ts';
import { probes, type Probe, type ProbeName } from './catalogue.ts';

/**
 * `note`: worth knowing, nothing is worse for it. `unknown`: it could not be looked at. `degraded`: something
 * is told less of, or costs more. `missing`: without it there is nothing.
 */
export type Result = 'ok' | 'note' | 'unknown' | 'degraded' | 'missing';

export interface Reason {
  readonly detail: string;
  readonly whatToDo?: string | undefined;
}

/** Why a signal or a question is not well: the finding or the signal that it comes from has the remedy. */
export interface Cause extends Reason {
  /** What it comes from, by its title; undefined: it is told here for the first time. */
  readonly because?: string;
}

export interface Finding extends Reason {
  readonly probe: ProbeName;
  readonly result: Result;
  /** What is told less of because of it. */
  readonly lessens?: Lessening;
}

export interface Lessening {
  readonly signals: readonly SignalName[];
  /** Only these fields, by their canonical names; undefined: all that the signal tells. */
  readonly fields?: readonly string[];
}

/** What the kernel said to a signal's programs; not tried where something else is missing. */
export type Trial =
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'untried'; readonly missing: readonly ProbeName[] };

export interface SignalVerdict {
  readonly signal: SignalName;
  readonly result: 'ok' | 'degraded' | 'missing' | 'unknown';
  readonly tells: string;
  /** The first profile that has it on where a question needs it. */
  readonly from: string;
  readonly reasons: readonly Cause[];
}

export interface QuestionVerdict {
  readonly question: string;
  readonly result: 'answerable' | 'degraded' | 'not';
  readonly asks: string;
  readonly reasons: readonly Cause[];
}

/** A program of anybody's in this kernel. */
export interface Program {
  readonly program: number;
  /** 15 characters at most. */
  readonly name: string;
  readonly type: string;
  /** Who loaded it. */
  readonly user: number;
}

export interface Neighbour extends Program {
  /** A tracepoint's name, or the section of a program on the control groups' root. */
  readonly hook: string;
  /** Processes that hold it; none: it is pinned, or attached without a link. */
  readonly heldBy: readonly string[];
  /** By its name it is one of Sonde's own: an agent that runs. */
  readonly isSonde: boolean;
}

export interface Report {
  readonly verdict: 'answerable' | 'degraded' | 'none';
  /** In one sentence: can this node be rolled out? */
  readonly summary: string;
  readonly findings: readonly Finding[];
  readonly signals: readonly SignalVerdict[];
  readonly questions: readonly QuestionVerdict[];
  /** Programs of others on the same hooks. */
  readonly neighbours: readonly Neighbour[];
}

interface Told {
  readonly result: Result;
  readonly detail: string;
  /** Another than the table's. */
  readonly whatToDo?: string;
  readonly lessens?: Lessening;
}

/** Where all is well nothing is to be done. */
export function finding(probe: ProbeName, { result, detail, whatToDo, lessens }: Told): Finding {
  const usual: Probe = probes[probe];
  const remedy = result === 'ok' || result === 'unknown' ? whatToDo : (whatToDo ?? usual.whatToDo);
  return {
    probe,
    result,
    detail,
    ...(remedy === undefined ? {} : { whatToDo: remedy }),
    ...(lessens === undefined ? {} : { lessens }),
  };
}
