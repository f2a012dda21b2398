/**
 * The look at a node for people: sections, one line per fact, what to do under it. The most general comes
 * first and the sentence that decides last, where the eye is.
 */

import type { styleText } from 'node:util';
import { probes, sectionOf, sections, titleOf, type Section } from '../agent/check/catalogue.ts';
import type {
  Cause,
  Neighbour,
  QuestionVerdict,
  Reason,
  Report,
  SignalVerdict,
} from '../agent/check/report.ts';
import { printable } from '../lib/terminal.ts';
import { signalNames } from '../model/signals.ts';
import type { Painter } from './trace-lines.ts';

type Style = Parameters<typeof styleText>[0];

const styles: Readonly<Record<string, Style>> = {
  ok: 'green',
  answerable: 'green',
  note: 'cyan',
  unknown: 'magenta',
  untried: 'magenta',
  degraded: 'yellow',
  missing: 'red',
  not: 'red',
};

/** What is said for a result, where it is not its own name. */
const words: Readonly<Record<string, string>> = { unknown: 'not seen', untried: 'not tried' };

interface Fact {
  readonly result: string;
  readonly title: string;
  readonly detail: string;
  /** Under it, each with what to do. */
  readonly reasons?: readonly Reason[];
}

export interface Page {
  readonly columns: number;
  readonly paint: Painter;
}

const indent = '  ';
const resultWidth = Math.max(...Object.keys(styles).map((result) => (words[result] ?? result).length));
const titleWidth = Math.max(
  ...[...Object.values(probes).map(({ title }) => title), ...signalNames].map(({ length }) => length),
);
const gap = '  ';
const detailColumn = indent.length + resultWidth + gap.length + titleWidth + gap.length;

/** Words into lines of at most that many characters; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && Array.from(`${last} ${word}`).length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function reasonLines({ detail, whatToDo }: Reason, { columns, paint }: Page): string[] {
  const margin = ' '.repeat(detailColumn);
  const lines = detail === '' ? [] : wrap(printable(detail), columns - detailColumn);
  const remedy = whatToDo === undefined ? [] : wrap(printable(whatToDo), columns - detailColumn - 2);
  return [
    ...lines.map((line) => margin + line),
    ...remedy.map((line, i) => margin + paint('bold', `${i === 0 ? '→' : ' '} ${line}`)),
  ];
}

function factLines({ result, title, detail, reasons = [] }: Fact, page: Page): string[] {
  const { columns, paint } = page;
  const [first = '', ...more] = wrap(printable(detail), columns - detailColumn);
  const mark = paint(styles[result] ?? 'dim', (words[result] ?? result).padEnd(resultWidth));
  return [
    `${indent}${mark}${gap}${printable(title).padEnd(titleWidth)}${gap}${first}`.trimEnd(),
    ...more.map((line) => ' '.repeat(detailColumn) + line),
    ...reasons.flatMap((reason) => reasonLines(reason, page)),
  ];
}

function holders({ heldBy }: Neighbour): string {
  return heldBy.length > 0 ? `held by ${heldBy.join(', ')}` : 'held by no process that is seen here';
}

function neighbourFact(neighbour: Neighbour): Fact {
  const { hook, program, name, type, user } = neighbour;
  const what = `${name === '' ? 'without a name' : name} on ${hook}`;
  const by = `loaded by user ${String(user)}, ${holders(neighbour)}`;
  return { result: 'note', title: `program ${String(program)}`, detail: `${what} (${type}), ${by}` };
}

/** Programs of Sonde's own agents are told agent by agent, the others one by one. */
function neighbourFacts(neighbours: readonly Neighbour[]): Fact[] {
  const agents = Object.entries(
    Object.groupBy(
      neighbours.filter(({ isSonde }) => isSonde),
      holders,
    ),
  );
  return [
    ...agents.map(([held, programs = []]): Fact => {
      const detail = `${String(programs.length)} of them are an agent's of Sonde, ${held}`;
      return { result: 'note', title: 'Sonde', detail };
    }),
    ...neighbours.filter(({ isSonde }) => !isSonde).map(neighbourFact),
  ];
}

function sectionFacts({ findings, neighbours }: Report, section: Section): Fact[] {
  const facts = findings
    .filter(({ probe }) => sectionOf(probe) === section)
    .map(({ probe, result, detail, whatToDo }): Fact => {
      const reasons = whatToDo === undefined ? [] : [{ detail: '', whatToDo }];
      return { result, title: titleOf(probe), detail, reasons };
    });
  return section === 'neighbours' ? [...facts, ...neighbourFacts(neighbours)] : facts;
}

/**
 * What is told above already is named only: its remedy is there, and is one for all. `how` is what it does to
 * the one that is told of.
 */
function shortened(causes: readonly Cause[], how: string): Reason[] {
  const named = [...new Set(causes.flatMap(({ because }) => because ?? []))];
  const first = named.length > 0 ? [{ detail: `${how}: ${named.join(', ')}` }] : [];
  return [...causes.filter(({ because }) => because === undefined), ...first];
}

function signalFact({ signal, result, tells, from, reasons }: SignalVerdict): Fact {
  const detail = from === 'failures' ? tells : `${tells}; from profile ${from} on`;
  const how = result === 'degraded' ? 'less because of' : 'because of';
  return {
    result: result === 'unknown' ? 'untried' : result,
    title: signal,
    detail,
    reasons: shortened(reasons, how),
  };
}

function questionFact({ question, result, asks, reasons }: QuestionVerdict): Fact {
  const how = result === 'degraded' ? 'less because of' : 'needs';
  return { result, title: question, detail: asks, reasons: shortened(reasons, how) };
}

/** Without line ends. */
export function checkLines(report: Report, page: Page): string[] {
  const { paint, columns } = page;
  const block = (name: string, what: string, facts: readonly Fact[]): string[] =>
    facts.length === 0
      ? []
      : [
          `${paint('bold', name)}  ${paint('dim', what)}`,
          ...facts.flatMap((fact) => factLines(fact, page)),
          '',
        ];
  const ending = { answerable: 'green', degraded: 'yellow', none: 'red' } as const;
  return [
    ...Object.entries(sections).flatMap(([name, what]) =>
      block(name, what, sectionFacts(report, name as Section)),
    ),
    ...block('signals', 'what the kernel says to their programs', report.signals.map(signalFact)),
    ...block('questions', 'whether this node can tell its part', report.questions.map(questionFact)),
    ...wrap(printable(report.summary), columns).map((line) => paint(ending[report.verdict], line)),
  ];
}
