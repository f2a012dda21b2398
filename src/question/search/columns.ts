/** Stored rows as cells under their labels, the weightiest first. */

import type { Row } from '../../model/block.ts';
import { allLabels, fieldOn, type Label } from '../../model/labels.ts';
import type { Cell, Column } from '../contract.ts';
import type { SearchColumn } from './contract.ts';
import { isMeasured, searchFields, searchTables } from './fields.ts';
import { reader } from './match.ts';

/** What is looked at first. */
const glances: Readonly<Record<string, string>> = {
  flows:
    'window.start process.name direction destination.name destination.ip destination.port connection.state ' +
    'connections.opened latency_ms bytes.sent bytes.received host.name workload.name source.ip',
  events:
    'time process.name direction destination.name destination.ip destination.port connection.state error ' +
    'latency_ms connection.duration_ms bytes.sent bytes.received host.name workload.name source.ip',
  dns:
    'window.start process.name dns.question.name dns.question.type dns.rcode dns.lookups latency_ms ' +
    'destination.ip host.name workload.name',
  listeners:
    'time process.name network.transport destination.ip destination.port listener.changes listener.drops ' +
    'host.name workload.name user.name',
  addresses: 'time host.name destination.ip address.change destination.scope network.namespace',
  windows:
    'window.start host.name connections.opened connections.ended connections.open bytes.sent ' +
    'bytes.received coverage.seen coverage.kernel lost agent.version',
};

const titles: Readonly<Record<string, string>> = {
  'window.start': 'time',
  'destination.name': 'destination',
  'destination.ip': 'address',
  'destination.port': 'port',
  'connection.state': 'state',
  'connection.duration_ms': 'duration',
  'connections.opened': 'opened',
  'dns.question.name': 'asked',
  'dns.question.type': 'type',
};

/** As questions write theirs. */
function titleOf(name: string): string {
  const title = titles[name] ?? name.replace(/(\.name|_ms)$/, '').replaceAll('.', ' ');
  return `${title.charAt(0).toUpperCase()}${title.slice(1)}`;
}

function typeOf({ name, type, unit }: Label, isCount: boolean): Column['type'] {
  if (type === 'time') return 'time';
  if (name.endsWith('.ip')) return 'ip';
  if (name.endsWith('.port')) return 'port';
  if (name === 'connection.state') return 'state';
  if (unit === 'bytes') return 'bytes';
  if (unit === 'ms') return 'duration_ms';
  return isCount ? 'count' : 'text';
}

/** Without Markdown. */
function plain(text: string): string {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
}

interface ReadColumn extends SearchColumn {
  readonly read: (row: Row) => unknown;
  readonly isNumber: boolean;
}

const nothing: ReadonlySet<Cell> = new Set<Cell>([null, '', 0, false]);

/** Of 64 bits come as text: a number where it is exact. */
function numberCell(value: unknown): Cell {
  const number = Number(value);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? String(value) : number;
}

function cell(value: unknown, isNumber: boolean): Cell {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(String).join(', ');
  if (typeof value !== 'object') return isNumber ? numberCell(value) : (value as string | boolean);
  return Object.entries(value)
    .map(([key, of]) => `${key}=${String(of)}`)
    .join(', ');
}

/** All that rows of a table can say. */
function readColumns(table: string, stored: readonly string[]): ReadColumn[] {
  const { kind } = searchTables[table] ?? { kind: 'flow' };
  const fields = searchFields(table);
  return allLabels.flatMap((label): ReadColumn[] => {
    const { name, means } = label;
    const of = fieldOn(label, kind);
    const map = fields.maps.find((each) => each.name === name);
    const time = of?.type === 'time' ? name.replaceAll('.', '_') : '';
    const field = fields.all.get(name) ?? map;
    const isStored = field !== undefined || stored.includes(time);
    if (of === undefined || !isStored) return [];
    const isNumber = field?.type === 'number' && !map;
    const type = typeOf(of, isNumber && isMeasured(field));
    const place = field ?? { place: { column: time }, type: 'text' as const };
    const isField = field !== undefined && !map && !field.isList && !isMeasured(field);
    const about = { name, type, title: titleOf(name), description: plain(means), isField };
    return [{ ...about, read: reader(place, stored), isNumber }];
  });
}

export interface SearchColumns {
  readonly columns: readonly SearchColumn[];
  /** So many of them are for a glance. */
  readonly glance: number;
  /** What a row has; what is for a glance in any case. */
  readonly cells: (row: Row) => Record<string, Cell>;
}

/** Of a table of `searchTables`, from rows that have these columns. */
export function searchColumns(table: string, stored: readonly string[]): SearchColumns {
  const all = readColumns(table, stored);
  const weights = (glances[table] ?? '').split(' ');
  const weightOf = ({ name }: Column): number => (weights.indexOf(name) + weights.length) % weights.length;
  const first = all.filter(({ name }) => weights.includes(name)).sort((a, b) => weightOf(a) - weightOf(b));
  const columns = [...first, ...all.filter(({ name }) => !weights.includes(name))];
  return {
    columns: columns.map(({ read: _, isNumber: __, ...column }) => column),
    glance: first.length,
    cells(row) {
      const entries = columns.map(({ name, read, isNumber }) => [name, cell(read(row), isNumber)] as const);
      return Object.fromEntries(entries.filter(([, value], i) => i < first.length || !nothing.has(value)));
    },
  };
}
