/** What is said of a log that is imported. File names and lines are somebody's: they are escaped. */

import { printable } from '../../../lib/terminal.ts';
import { formatBytes, parseDurationMs } from '../../../lib/units.ts';
import type { Survey } from './log.ts';
import type { Sent } from './send.ts';

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

export function surveyLines(survey: Survey): string[] {
  const { file, connections, hosts, states, others, bad, examples } = survey;
  const what = `${counted(connections, 'connection')} of ${counted(hosts, 'node')}`;
  const lines = [`${printable(file)}: ${counted(survey.lines, 'line')}, ${what}`];
  if (connections > 0) {
    const [first, last] = [survey.firstMs, survey.lastMs].map((ms) => new Date(ms).toISOString());
    lines.push(`  from ${first} to ${last}`);
    const byState = Object.entries(states).map(([state, count]) => `${count} ${state}`);
    const bytes = `${formatBytes(survey.bytesSent)} sent, ${formatBytes(survey.bytesReceived)} received`;
    lines.push(`  ${byState.sort().join(', ')}; ${bytes}`);
  }
  if (others > 0) lines.push(`  left out: ${counted(others, 'line')} of other protocols than TCP and UDP`);
  if (bad > 0) {
    const shown = examples.map(({ line, problem }) => `line ${line}: ${printable(problem)}`).join('; ');
    lines.push(`  not read: ${counted(bad, 'line')} (${shown}${bad > examples.length ? '; …' : ''})`);
  }
  return lines;
}

export function sentLines(file: string, sent: Sent): string[] {
  const { taken, duplicates, rejected, outside, message } = sent;
  return [
    `${printable(file)}: ${counted(taken, 'record')} stored`,
    ...(duplicates > 0 ? [`  ${counted(duplicates, 'record')} there before: not counted twice`] : []),
    ...(outside > 0
      ? [`  ${counted(outside, 'record')} too old or in the future: not sent (see --shift)`]
      : []),
    ...(rejected > 0 ? [`  ${counted(rejected, 'record')} refused: ${printable(message)}`] : []),
  ];
}

/** What of it the hub keeps only as sums; nothing where all is young enough. */
export function keptLine(
  firstMs: number,
  nowMs: number,
  retention: Readonly<Record<string, string>>,
): string[] {
  const { flows = '' } = retention;
  const keptMs = parseDurationMs(flows);
  if (keptMs === undefined || firstMs >= nowMs - keptMs) return [];
  return [`  what is older than ${flows} is kept as sums per minute and hour only (retention in hub.yaml)`];
}
