/** From findings and trials to signals, from signals to questions, from those to one sentence. */

import {
  optionalSignals,
  signalNames,
  signals,
  type SignalName,
  type SignalPolicy,
} from '../../model/signals.ts';
import { titleOf } from './catalogue.ts';
import type { Cause, Finding, QuestionVerdict, Reason, Report, SignalVerdict, Trial } from './report.ts';

/** A question, as its folder has it; `problem`: the folder is broken. */
export interface Asked {
  readonly question: string;
  readonly asks: string;
  readonly signals: readonly SignalName[];
  /** Whether its answer rests on this field, by its canonical name. */
  uses(field: string): boolean;
}

export interface Broken {
  readonly question: string;
  readonly problem: Reason;
}

interface Lessened extends Cause {
  readonly fields?: readonly string[] | undefined;
}

function causeOf({ probe, detail, whatToDo }: Finding): Cause {
  return { because: titleOf(probe), detail, ...(whatToDo === undefined ? {} : { whatToDo }) };
}

function lessenedBy(findings: readonly Finding[], name: SignalName): Lessened[] {
  return findings.flatMap((found) =>
    found.lessens?.signals.includes(name) ? [{ ...causeOf(found), fields: found.lessens.fields }] : [],
  );
}

function withoutFields({ fields: _, ...cause }: Lessened): Cause {
  return cause;
}

export function judgeSignal(name: SignalName, trial: Trial, findings: readonly Finding[]): SignalVerdict {
  const { tells, from, always }: SignalPolicy = signals[name];
  const head = { signal: name, tells, from };
  switch (trial.outcome) {
    case 'refused': {
      // What lessens all of it may well be why, and has a remedy that fits.
      const known = lessenedBy(findings, name).filter(({ fields }) => fields === undefined);
      const whatToDo = always
        ? 'boot a kernel of 5.15 or later (tested from 6.1)'
        : `boot a later kernel, or do without: signals: { ${name}: off } in agent.yaml`;
      const told = { detail: trial.reason, ...(known.length > 0 ? {} : { whatToDo }) };
      return { ...head, result: 'missing', reasons: [told, ...known.map(withoutFields)] };
    }
    case 'untried': {
      const missing = findings.filter(({ probe }) => trial.missing.includes(probe));
      return { ...head, result: 'unknown', reasons: missing.map(causeOf) };
    }
    case 'taken': {
      const reasons = lessenedBy(findings, name).map(withoutFields);
      return { ...head, result: reasons.length > 0 ? 'degraded' : 'ok', reasons };
    }
  }
}

function unique(reasons: readonly Cause[]): Cause[] {
  return [...new Map(reasons.map((each) => [each.detail, each])).values()];
}

/**
 * Without a signal that must always be on, or without any that it names, a question is not answered; without
 * some of them it is, with less.
 */
export function judgeQuestion(
  asked: Asked,
  verdicts: readonly SignalVerdict[],
  findings: readonly Finding[],
): QuestionVerdict {
  const { question, asks } = asked;
  const needed = verdicts.filter(({ signal }) => asked.signals.includes(signal));
  const gone = needed.filter(({ result }) => result === 'missing' || result === 'unknown');
  const without = gone.flatMap(({ signal, reasons: [first] }) =>
    first ? [{ ...first, because: signal }] : [],
  );
  const isVital = ({ signal }: SignalVerdict): boolean => !optionalSignals.includes(signal);
  if (gone.length > 0 && (gone.length === needed.length || gone.some(isVital)))
    return { question, result: 'not', asks, reasons: without };
  const less = asked.signals
    .flatMap((name) => lessenedBy(findings, name))
    .filter(({ fields }) => fields?.some((field) => asked.uses(field)) ?? true);
  const reasons = [...without, ...unique(less.map(withoutFields))];
  return { question, result: reasons.length > 0 ? 'degraded' : 'answerable', asks, reasons };
}

function list(names: readonly string[]): string {
  return names.join(', ');
}

/** What costs more, or is worse, without any signal telling less of it. */
function otherwiseDegraded(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ result, lessens }) => result === 'degraded' && !lessens)
    .map(({ probe }) => titleOf(probe));
}

type Verdict = Pick<Report, 'verdict' | 'summary'>;

function withoutQuestions(verdicts: readonly SignalVerdict[], findings: readonly Finding[]): Verdict {
  const works = verdicts.every(({ result }) => result === 'ok' || result === 'degraded');
  if (!verdicts.some(({ result }) => result === 'ok' || result === 'degraded'))
    return { verdict: 'none', summary: 'This node cannot be rolled out: no signal works here.' };
  const well = works && !findings.some(({ result }) => result === 'degraded');
  const summary = 'No question is installed; the agent can run here and write its records.';
  return { verdict: well ? 'answerable' : 'degraded', summary };
}

/** Why nothing goes: the first thing that is missing, else what a signal was refused for. */
function firstCause(verdicts: readonly SignalVerdict[], findings: readonly Finding[]): string {
  const missing = findings.find(({ result }) => result === 'missing');
  if (missing) return `${titleOf(missing.probe)}: ${missing.detail}`;
  const refused = verdicts.find(({ result }) => result === 'missing' || result === 'unknown');
  return refused ? `${refused.signal}: ${refused.reasons[0]?.detail ?? ''}` : 'every question is broken';
}

export function conclude(
  verdicts: readonly SignalVerdict[],
  questions: readonly QuestionVerdict[],
  findings: readonly Finding[],
): Verdict {
  if (questions.length === 0) return withoutQuestions(verdicts, findings);
  const named = (wanted: QuestionVerdict['result']) =>
    questions.filter(({ result }) => result === wanted).map(({ question }) => question);
  const [degraded, not] = [named('degraded'), named('not')];
  if (not.length === questions.length) {
    const cause = firstCause(verdicts, findings);
    return {
      verdict: 'none',
      summary: `This node cannot be rolled out: no question can be answered (${cause}).`,
    };
  }
  const other = otherwiseDegraded(findings);
  const parts = [
    ...(degraded.length > 0 ? [`in part: ${list(degraded)}`] : []),
    ...(not.length > 0 ? [`not at all: ${list(not)}`] : []),
    ...(other.length > 0 ? [`to be mended: ${list(other)}`] : []),
  ];
  if (parts.length === 0) {
    const all = questions.length === 1 ? 'its question' : `all of its ${String(questions.length)} questions`;
    return { verdict: 'answerable', summary: `This node can be rolled out: it can answer ${all}.` };
  }
  const summary = `This node can be rolled out, with less than everything (${parts.join('; ')}).`;
  return { verdict: 'degraded', summary };
}

export interface Looked {
  readonly findings: readonly Finding[];
  readonly trials: ReadonlyMap<SignalName, Trial>;
  readonly questions: readonly Asked[];
  readonly broken: readonly Broken[];
  readonly neighbours: Report['neighbours'];
}

export function judge({ findings, trials, questions, broken, neighbours }: Looked): Report {
  const untried: Trial = { outcome: 'untried', missing: ['build'] };
  const verdicts = signalNames.map((name) => judgeSignal(name, trials.get(name) ?? untried, findings));
  const judged: QuestionVerdict[] = [
    ...questions.map((asked) => judgeQuestion(asked, verdicts, findings)),
    ...broken.map(({ question, problem }) => ({
      question,
      result: 'not' as const,
      asks: 'its folder is broken',
      reasons: [problem],
    })),
  ].sort((a, b) => a.question.localeCompare(b.question));
  return {
    ...conclude(verdicts, judged, findings),
    findings,
    signals: verdicts,
    questions: judged,
    neighbours,
  };
}
