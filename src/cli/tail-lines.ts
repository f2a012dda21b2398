/** Records as they come, one a line: columns have widths of their own, for what comes next is not known. */

import type { Cell, Column } from '../question/contract.ts';
import type { TailEvents } from '../question/search/contract.ts';
import { cellText, choose, line, type Shown } from './answer-lines.ts';
import { printable } from '../lib/terminal.ts';
import type { Painter } from './trace-lines.ts';

const widths: Readonly<Partial<Record<Column['type'], number>>> = {
  time: 8,
  ip: 15,
  port: 5,
  state: 11,
  count: 7,
  duration_ms: 8,
  bytes: 8,
};
const textWidth = 16;
const named: Readonly<Record<string, number>> = {
  direction: 9,
  'destination.name': 28,
  'dns.question.name': 28,
};

export interface TailLines {
  readonly header: string;
  /** `now` is a time of today. */
  row(values: Readonly<Record<string, Cell>>, now: string): string;
}

function shownOf(column: Column): Shown {
  const { name, type } = column;
  const title = printable(column.title).toUpperCase();
  const least = named[name] ?? widths[type] ?? textWidth;
  return { column, title, texts: [], width: Math.max(least, title.length) };
}

/** Of those columns that are for a glance and have room. */
export function tailLines(
  { columns: all, glance }: Pick<TailEvents['begin'], 'columns' | 'glance'>,
  { columns, paint }: { readonly columns: number; readonly paint: Painter },
): TailLines {
  const { shown } = choose(all.slice(0, glance).map(shownOf), columns);
  return {
    header: paint(
      'dim',
      line(shown, ({ title }) => title, paint),
    ),
    row: (values, now) =>
      line(shown, ({ column }) => cellText(values[column.name] ?? null, column, now), paint),
  };
}
