/** An answer for people: a table that fits the terminal, and under it what it rests on. */

import type { styleText } from 'node:util';
import { fit, printable } from '../lib/terminal.ts';
import { formatBytes, formatMs } from '../lib/units.ts';
import type { Answer, Cell, Column, Coverage, Share } from '../question/contract.ts';
import { standingText } from '../question/standing.ts';
import { stateStyles, type Painter } from './trace-lines.ts';

const gap = '  ';
const textColumnsMax = 32;
const sparklineColumnsMax = 20;
const leftNamesMax = 3;

const rightAligned: ReadonlySet<Column['type']> = new Set(['port', 'count', 'ratio', 'duration_ms', 'bytes']);

function grouped(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: 2 });
}

/** Rounded down: nearly all is not all. */
function percent(ratio: number): string {
  return ratio === 1 ? '100 %' : `${(Math.floor(ratio * 1000) / 10).toFixed(1)} %`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}

function day(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The time of this machine, as people compare it with their own logs; with its day where that is another. */
export function localTime(rfc3339: string, answeredAt: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return printable(rfc3339);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return day(at) === day(new Date(answeredAt)) ? time : `${day(at)} ${time}`;
}

const bars = '▁▂▃▄▅▆▇█';

/** One bar per bucket, or per some of them; nothing is a blank, and the most is a full one. */
export function sparkline(series: readonly (number | null)[]): string {
  const perBar = Math.ceil(series.length / sparklineColumnsMax);
  const sums = Array.from({ length: Math.ceil(series.length / perBar) }, (_, i) =>
    series.slice(i * perBar, (i + 1) * perBar).reduce<number>((sum, each) => sum + (each ?? 0), 0),
  );
  const most = Math.max(...sums);
  return sums
    .map((sum) => (sum > 0 ? (bars[Math.ceil((sum / most) * bars.length) - 1] ?? ' ') : ' '))
    .join('');
}

const numberTexts: Readonly<Partial<Record<Column['type'], (value: number) => string>>> = {
  count: grouped,
  ratio: percent,
  duration_ms: formatMs,
  bytes: formatBytes,
};

export function cellText(value: Cell, { type }: Column, answeredAt: string): string {
  if (value === null) return '–';
  if (typeof value === 'object') return sparkline(value);
  if (type === 'time') return localTime(String(value), answeredAt);
  const numberText = typeof value === 'number' ? numberTexts[type] : undefined;
  return numberText && typeof value === 'number' ? numberText(value) : printable(String(value));
}

/** A column as it is printed. */
export interface Shown {
  readonly column: Column;
  readonly title: string;
  readonly texts: readonly string[];
  readonly width: number;
}

function show({ rows, answeredAt }: Answer, column: Column): Shown {
  const title = printable(column.title).toUpperCase();
  const texts = rows.map((row) => cellText(row[column.name] ?? null, column, answeredAt));
  const longest = Math.max(title.length, ...texts.map((text) => Array.from(text).length));
  return { column, title, texts, width: Math.min(longest, textColumnsMax + (column.type === 'ip' ? 13 : 0)) };
}

/** Columns come in the order of their weight: those that do not fit any more are left out and named. */
export function choose(all: readonly Shown[], columns: number): { shown: Shown[]; left: Shown[] } {
  const [shown, left]: [Shown[], Shown[]] = [[], []];
  let used = 0;
  for (const each of all) {
    const wanted = each.width + (shown.length > 0 ? gap.length : 0);
    const fits = used + wanted <= columns || shown.length === 0;
    (fits ? shown : left).push(each);
    if (fits) used += wanted;
  }
  return { shown, left };
}

export function line(shown: readonly Shown[], textOf: (each: Shown) => string, paint: Painter): string {
  return shown
    .map((each) => {
      const text = fit(textOf(each), each.width, rightAligned.has(each.column.type) ? 'right' : 'left');
      const style = each.column.type === 'state' ? stateStyle(text.trim()) : undefined;
      return style === undefined ? text : paint(style, text);
    })
    .join(gap)
    .trimEnd();
}

function stateStyle(state: string): Parameters<typeof styleText>[0] | undefined {
  return (stateStyles as Readonly<Record<string, Parameters<typeof styleText>[0]>>)[state];
}

function of({ part, of: whole }: Share, digits = 0): string {
  const round = (n: number): string => n.toLocaleString('en-GB', { maximumFractionDigits: digits });
  return `${round(part)} of ${round(whole)}`;
}

function timeOf({ part, of: whole }: Share): string {
  if (whole < 120) return `${of({ part, of: whole, ratio: null })} s`;
  return `${of({ part: part / 60, of: whole / 60, ratio: null }, 1)} min`;
}

/** How sure the owners are, where not all are known in the same way. */
function ownersLine({ attributions = {} }: Coverage): string | undefined {
  const all = Object.entries(attributions);
  const sum = all.reduce((before, [, count]) => before + count, 0);
  if (all.length < 2) return undefined;
  return `  owners: ${all.map(([how, count]) => `${how} ${percent(count / sum)}`).join(', ')}`;
}

/** The four shares, and in yellow what is missing. */
export function coverageLines(coverage: Coverage, paint: Painter): string[] {
  const { nodes, seconds, connections, attribution, smallest, notes } = coverage;
  const parts = [
    `nodes ${of(nodes)}`,
    `time ${timeOf(seconds)}`,
    `connections ${of(connections)}`,
    `owner known ${attribution.ratio === null ? of(attribution) : percent(attribution.ratio)}`,
  ];
  const all = smallest === null ? 'nothing to see' : percent(smallest);
  const first = `coverage ${all}: ${parts.join(' · ')}`;
  const owners = ownersLine(coverage);
  return [
    smallest === 1 ? paint('dim', first) : paint('yellow', first),
    ...(owners === undefined ? [] : [paint('dim', owners)]),
    ...notes.map((note) => paint('yellow', `  ${printable(note)}`)),
  ];
}

/** Said where there are more rows than were given. */
export function truncatedLine({ truncated, params }: Answer): string | undefined {
  return truncated ? `there are more than ${String(params['limit'])} rows: --limit N` : undefined;
}

/** How the question's detectors stand: what is not found before one is armed says nothing. */
export function detectorLines({ detectors = [], answeredAt }: Answer, paint: Painter): string[] {
  return detectors.map((status) => {
    const text = printable(standingText(status, (at) => localTime(at, answeredAt)));
    const more = status.findings === 0 ? '' : ': sonde findings';
    return paint(status.findings === 0 ? 'dim' : 'yellow', `${text}${more}`);
  });
}

export interface TableOptions {
  readonly columns: number;
  readonly paint: Painter;
}

/** The weightiest of those that are left out; all of them would take more lines than some answers. */
function noRoomLine(left: readonly Shown[]): string {
  const named = left.slice(0, leftNamesMax).map(({ column }) => printable(column.name));
  const rest = left.length - named.length;
  const names = rest > 0 ? `${named.join(', ')} and ${String(rest)} more` : named.join(', ');
  return `no room for ${names}: --json has them`;
}

/** The whole answer, without line ends. */
export function answerLines(answer: Answer, { columns, paint }: TableOptions): string[] {
  const { title, from, to, answeredAt, rows } = answer;
  const all = answer.columns.map((column) => show(answer, column));
  const { shown, left } = choose(all, columns);
  const range = `${localTime(from, answeredAt)} to ${localTime(to, answeredAt)}`;
  const table =
    rows.length === 0
      ? ['nothing was seen that answers this']
      : [
          paint(
            'dim',
            line(shown, (each) => each.title, paint),
          ),
          ...rows.map((_, i) => line(shown, (each) => each.texts[i] ?? '', paint)),
        ];
  const more = truncatedLine(answer);
  return [
    paint('bold', `${printable(title)}, ${range}`),
    '',
    ...table,
    '',
    ...(more === undefined ? [] : [paint('dim', more)]),
    ...(left.length > 0 && rows.length > 0 ? [paint('dim', noRoomLine(left))] : []),
    ...coverageLines(answer.coverage, paint),
    ...detectorLines(answer, paint),
  ];
}
