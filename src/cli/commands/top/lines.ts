/** Rows of `sonde top` as text: the same in a terminal and in a pipe. */

import { fit, printable } from '../../../lib/terminal.ts';
import { formatBytes, formatMs } from '../../../lib/units.ts';
import type { TopRow, TopWindow } from './rows.ts';

/** `0`, `0.42`, `9.5`, `1,204`: per second. */
export function rate(value: number): string {
  if (value === 0) return '0';
  return value < 9.995 ? value.toPrecision(2) : Math.round(value).toLocaleString('en-GB');
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly side: 'left' | 'right';
  readonly text: (row: TopRow) => string;
  /** Those with more are left out where the terminal is too narrow, the most first. */
  readonly spare: number;
}

const arrows = { egress: '→', ingress: '←' } as const;

function farEnd(row: TopRow): string {
  const udp = row.transport === 'udp' ? ' udp' : '';
  const host = row.destination.includes(':') ? `[${row.destination}]` : row.destination;
  return `${arrows[row.direction]} ${printable(host)}:${String(row.port)}${udp}`;
}

function endings(row: TopRow): string {
  const most = [...row.ended].sort(([, a], [, b]) => b - a);
  return most.map(([state, count]) => `${state} ${count.toLocaleString('en-GB')}`).join(', ');
}

const columns: readonly Column[] = [
  { title: 'PROCESS', width: 18, side: 'left', text: (row) => printable(row.process), spare: 0 },
  { title: 'DESTINATION', width: 34, side: 'left', text: farEnd, spare: 0 },
  { title: 'NEW/S', width: 7, side: 'right', text: (row) => rate(row.opened), spare: 0 },
  { title: 'FAILED/S', width: 8, side: 'right', text: (row) => rate(row.failed), spare: 1 },
  {
    title: 'P95',
    width: 8,
    side: 'right',
    text: (row) => (row.latencyP95Ms === null ? '–' : formatMs(row.latencyP95Ms)),
    spare: 2,
  },
  { title: 'RETR/S', width: 7, side: 'right', text: (row) => rate(row.retransmits), spare: 3 },
  { title: 'OPEN', width: 7, side: 'right', text: (row) => row.open.toLocaleString('en-GB'), spare: 4 },
  { title: 'SENT/S', width: 8, side: 'right', text: (row) => formatBytes(row.sentBytes), spare: 5 },
  { title: 'RECV/S', width: 8, side: 'right', text: (row) => formatBytes(row.receivedBytes), spare: 6 },
  { title: 'ENDED', width: 40, side: 'left', text: endings, spare: 7 },
];

const gap = 2;

function fitting(width: number): readonly Column[] {
  const taken = (some: readonly Column[]) => some.reduce((all, column) => all + column.width + gap, -gap);
  const most = Math.max(...columns.map(({ spare }) => spare));
  for (let spare = most; spare > 0; spare--) {
    const some = columns.filter((column) => column.spare <= spare);
    if (taken(some) <= width) return some;
  }
  return columns.filter((column) => column.spare === 0);
}

function line(width: number, cell: (column: Column) => string): string {
  const cells = fitting(width).map((column) => fit(cell(column), column.width, column.side));
  return fit(cells.join(' '.repeat(gap)), width).trimEnd();
}

export function headerLine(width: number): string {
  return line(width, ({ title }) => title);
}

export function rowLine(row: TopRow, width: number): string {
  return line(width, ({ text }) => text(row));
}

/** Of the whole node. */
export function summaryLine({ host, end, seconds, total, lost, more }: TopWindow): string {
  const at = new Date(end).toTimeString().slice(0, 8);
  const parts = [
    `${printable(host)}  ${at}, ${seconds.toFixed(seconds < 10 ? 1 : 0)} s`,
    `${rate(total.opened)} new/s`,
    `${rate(total.failed)} failed/s`,
    `${rate(total.retransmits)} retransmitted/s`,
    `${total.open.toLocaleString('en-GB')} open`,
    ...(lost > 0 ? [`${lost.toLocaleString('en-GB')} lost`] : []),
    ...(more > 0 ? [`${more.toLocaleString('en-GB')} smaller rows not shown`] : []),
  ];
  return parts.join('  ');
}
