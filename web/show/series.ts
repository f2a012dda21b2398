/** From an answer's rows to what the chart draws. */
import type { Answer } from '../../src/question/contract.ts';
import { seriesOf } from './format.ts';
import { identify, rowTitle, sum } from './rows.ts';

/** As many as colours that are told apart at a glance. */
export const linesMax = 7;

export interface Line {
  /** Of the row; empty for the rest. */
  readonly id: string;
  readonly title: string;
  readonly values: readonly number[];
  readonly total: number;
}

export interface ChartData {
  readonly title: string;
  /** Start of each bucket. */
  readonly timesMs: readonly number[];
  readonly bucketMs: number;
  /** The largest first; the rest of the rows, if any, as one line at the end. */
  readonly lines: readonly Line[];
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}

/** Undefined when the answer has no series. */
export function chartData(answer: Answer): ChartData | undefined {
  const column = answer.columns.find(({ type }) => type === 'series');
  if (column === undefined || answer.bucketMs <= 0) return undefined;
  const lines = identify(answer)
    .map(({ id, row }): Line => {
      const values = (seriesOf(row[column.name]) ?? []).map((value) => value ?? 0);
      return { id, title: rowTitle(row, answer.columns), values, total: sum(values) };
    })
    .filter(({ total }) => total > 0)
    .sort((a, b) => b.total - a.total);
  const few = lines.length <= linesMax ? lines : lines.slice(0, linesMax - 1);
  const others = lines.slice(few.length);
  const values = others.map((line) => line.values).reduce<readonly number[]>(add, []);
  const title = `${others.length} others`;
  const all = others.length === 0 ? few : [...few, { id: '', title, values, total: sum(values) }];
  const [fromMs, toMs] = [Date.parse(answer.from), Date.parse(answer.to)];
  const buckets = Math.max(
    Math.ceil((toMs - fromMs) / answer.bucketMs),
    ...all.map((line) => line.values.length),
  );
  const timesMs = Array.from({ length: buckets }, (_, i) => fromMs + i * answer.bucketMs);
  return { title: column.title, timesMs, bucketMs: answer.bucketMs, lines: all };
}

/** Each line on top of those before it: the last is the sum of all. */
export function stack(lines: readonly Line[], buckets: number): readonly (readonly number[])[] {
  let top: readonly number[] = Array.from({ length: buckets }, () => 0);
  return lines.map(({ values }) => (top = add(top, values)));
}

/** A bar for each value, as one SVG path in a box of this size. Zero has no bar, anything else is seen. */
export function sparkPath(
  values: readonly (number | null)[],
  box: { readonly width: number; readonly height: number },
): string {
  const top = Math.max(...values.map((value) => value ?? 0));
  if (top <= 0) return '';
  const step = box.width / values.length;
  const round = (value: number): string => String(Math.round(value * 100) / 100);
  return values
    .map((value, i) => {
      if (value === null || value <= 0) return '';
      const height = Math.max((value / top) * box.height, 1);
      const width = Math.max(step - (step > 2 ? 0.6 : 0), 0.5);
      return `M${round(i * step)} ${round(box.height)}v-${round(height)}h${round(width)}v${round(height)}z`;
    })
    .join('');
}
