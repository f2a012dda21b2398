/** Findings for people: what was found, how sure that is, and what to do next. */

import { printable } from '../lib/terminal.ts';
import { askCommand, type Finding } from '../question/finding.ts';
import { localTime } from './answer-lines.ts';
import type { Painter } from './trace-lines.ts';

function number(value: number): string {
  return value.toLocaleString('en-GB', { maximumSignificantDigits: 3 });
}

function statistics({ statistic, baseline, threshold, windowMs, facts }: Finding): string {
  const usual = baseline === null ? '' : `, usual ${number(baseline)}`;
  const seen = Object.entries(facts).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? number(value) : value}`,
  );
  const what = `${number(statistic)} over ${number(threshold)} in ${windowMs / 1000} s${usual}`;
  return [what, ...seen].join(' · ');
}

/** Of one finding, without line ends. */
export function findingLines(finding: Finding, { paint, now }: { paint: Painter; now: string }): string[] {
  const { state, severity, question, title, startedAt, lastAt, technique, muted, nextStep } = finding;
  const colour = state === 'closed' ? 'dim' : severity === 'critical' ? 'red' : 'yellow';
  const when = `${localTime(startedAt, now)} to ${localTime(lastAt, now)}`;
  const notes = [technique, muted === '' ? '' : `muted: ${muted}`].filter((note) => note !== '');
  return [
    `${paint(colour, printable(`${state} ${severity}`))}  ${paint('bold', printable(title))}`,
    printable(`  ${[question, when, ...notes].join(' · ')}`),
    printable(`  ${statistics(finding)}`),
    printable(`  next: ${nextStep}`),
    paint('dim', printable(`  ${askCommand(finding)}`)),
  ];
}
