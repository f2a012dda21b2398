/** Connections and windows as lines for a terminal. */

import { styleText } from 'node:util';
import { fit, printable } from '../lib/terminal.ts';
import { formatBytes, formatMs } from '../lib/units.ts';
import type { CloseReason, ConnectionState } from '../model/connection.ts';
import type { LocalReply } from '../model/local.ts';
import type { ConnectionRecord, WindowRecord } from '../model/record.ts';

type Style = Parameters<typeof styleText>[0];

export const stateStyles: Readonly<Record<ConnectionState, Style>> = {
  open: 'cyan',
  closed: 'green',
  refused: 'red',
  timed_out: 'red',
  reset: 'red',
  canceled: 'yellow',
  unreachable: 'yellow',
  failed: 'magenta',
};

export type Painter = (style: Style, text: string) => string;

/** Colours, or nothing at all. */
export function painter(coloured: boolean): Painter {
  return coloured ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}

const widths = {
  time: 12,
  process: 24,
  destination: 28,
  state: 11,
  latency: 9,
  sent: 8,
  received: 8,
} as const;

export function traceHeader(paint: Painter): string {
  const cells = [
    fit('TIME', widths.time),
    fit('PROCESS', widths.process),
    ' ',
    fit('DESTINATION', widths.destination),
    fit('STATE', widths.state),
    fit('LATENCY', widths.latency, 'right'),
    fit('SENT', widths.sent, 'right'),
    fit('RECEIVED', widths.received, 'right'),
    'DETAIL',
  ];
  return paint('dim', cells.join('  '));
}

function localTime(rfc3339: string): string {
  const at = new Date(rfc3339);
  const two = (n: number) => String(n).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function endpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${String(port)}` : `${ip}:${String(port)}`;
}

/** Said already by the state and by whom. */
const impliedReasons: ReadonlySet<CloseReason> = new Set([
  'unknown',
  'reset_sent',
  'reset_received',
  'timeout',
  'admin',
]);

function detail(record: ConnectionRecord): string {
  const parts: string[] = [];
  const { 'source.ip': source, 'source.port': port = 0 } = record;
  if (record.direction === 'ingress' && source !== undefined) parts.push(`from ${endpoint(source, port)}`);
  if (record['connection.established'] && record['connection.duration_ms'] !== undefined) {
    parts.push(`after ${formatMs(record['connection.duration_ms'])}`);
  }
  if (record['reset.side']) parts.push(`by ${record['reset.side']}`);
  if (record['timeout.by']) parts.push(`by ${record['timeout.by']}`);
  const reason = record['close.reason'];
  if (reason !== undefined && !impliedReasons.has(reason)) parts.push(reason);
  if (record.error) parts.push(record.error);
  if (record.retransmits > 0) parts.push(`${String(record.retransmits)} retransmitted`);
  if (record.attribution !== 'exact') parts.push(`owner ${record.attribution}`);
  return parts.join(', ');
}

export function traceLine(record: ConnectionRecord, paint: Painter): string {
  const process = printable(record['process.name']);
  const { 'process.pid': number = 0 } = record;
  const pid = number > 0 ? `[${String(number)}]` : '';
  const ended = record['close.reason'] !== undefined;
  const cells = [
    paint('dim', localTime(record.time)),
    fit(process + pid, widths.process),
    record.direction === 'egress' ? '→' : '←',
    fit(endpoint(record['destination.ip'], record['destination.port']), widths.destination),
    paint(stateStyles[record['connection.state']], fit(record['connection.state'], widths.state)),
    fit(record.latency_ms === null ? '–' : formatMs(record.latency_ms), widths.latency, 'right'),
    fit(ended ? formatBytes(record['bytes.sent']) : '', widths.sent, 'right'),
    fit(ended ? formatBytes(record['bytes.received']) : '', widths.received, 'right'),
    paint('dim', detail(record)),
  ];
  return cells.join('  ').trimEnd();
}

/**
 * Share of the kernel's opens that Sonde saw, over all namespaces that could be compared; null when nothing
 * was opened.
 */
export function openCoverage(record: WindowRecord): number | null {
  let [seen, kernel] = [0, 0];
  for (const namespace of record['coverage.namespaces']) {
    for (const name of ['activeOpens', 'passiveOpens']) {
      seen += namespace.kernel ? (namespace.seen[name] ?? 0) : 0;
      kernel += namespace.kernel?.[name] ?? 0;
    }
  }
  return kernel === 0 ? null : seen / kernel;
}

/** Rounded down: nearly all is not all. */
function percent(share: number): string {
  return share === 1 ? '100' : (Math.floor(10_000 * share) / 100).toFixed(2);
}

/** How the kernel's own counters compare, in words; empty where there was nothing to compare. */
function coverageParts(record: WindowRecord): string[] {
  const namespaces = record['coverage.namespaces'];
  const coverage = openCoverage(record);
  const gone = namespaces.filter((n) => n.kernel === undefined).length;
  const differing = namespaces.filter((n) => n.explained !== undefined);
  const why = [...new Set(differing.flatMap(({ explained = {} }) => Object.values(explained)))].join('; ');
  const parts: string[] = [];
  if (coverage !== null) {
    parts.push(`${percent(coverage)} % of the kernel's opens seen`);
  }
  if (differing.length > 0)
    parts.push(`${String(differing.length)} network namespaces differ from the kernel's counters: ${why}`);
  if (gone > 0) parts.push(`${String(gone)} network namespaces gone before they could be compared`);
  return parts;
}

export function windowLine(record: WindowRecord, paint: Painter): string {
  const states = Object.entries(record['connections.ended.states']).filter(([state]) => state !== 'closed');
  const lost = Object.entries(record.lost).map(([reason, count]) => `${reason} ${String(count)}`);
  const parts = [
    `${String(record['connections.opened'])} opened`,
    `${String(record['connections.ended'])} ended`,
    ...states.map(([state, count]) => `${String(count)} ${state}`),
    `${String(record['connections.open'])} open`,
    ...coverageParts(record),
    lost.length === 0 ? 'nothing lost' : `not told one by one or in full: ${lost.join(', ')}`,
  ];
  return paint(
    'dim',
    `── ${localTime(record.time)} window ${String(record['window.number'])}: ${parts.join(' · ')}`,
  );
}

export function missedLine(missed: Readonly<Record<string, number>>, paint: Painter): string {
  const reasons = Object.entries(missed).map(
    ([reason, count]) => `${String(count)} ${reason.replace(/^.*\./, '')}`,
  );
  return paint('yellow', `── not shown one by one: ${reasons.join(', ')}; windows count them all`);
}

/** Prints answers for people. */
export function linePrinter(stdout: {
  write(text: string): void;
  readonly isTerminal: boolean;
}): (reply: LocalReply) => void {
  const paint = painter(stdout.isTerminal);
  return (reply) => {
    if (reply.type === 'watching') stdout.write(`${traceHeader(paint)}\n`);
    else if (reply.type === 'connection') stdout.write(`${traceLine(reply.record, paint)}\n`);
    else if (reply.type === 'missed') stdout.write(`${missedLine(reply.missed, paint)}\n`);
  };
}
