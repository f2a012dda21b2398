/** Rows of an answer: which is which, and in which order. */
import type { Answer, Cell, Column, Param } from '../../src/question/contract.ts';
import type { Sort } from '../view/view.ts';
import { numberOf, seriesOf, timeOf } from './format.ts';

export type Row = Answer['rows'][number];

const naming: readonly Column['type'][] = ['text', 'ip', 'port', 'state'];

/**
 * The same for the same thing in the next answer, whatever its numbers are: FNV-1a over the columns that name
 * it. For a URL, not against an adversary: two rows of one id are told apart by `identify`.
 */
function rowId(row: Row, columns: readonly Column[]): string {
  const names = columns.filter(({ type }) => naming.includes(type)).map(({ name }) => row[name] ?? null);
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify(names)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

export interface IdentifiedRow {
  readonly id: string;
  readonly row: Row;
}

export function identify({ rows, columns }: Pick<Answer, 'rows' | 'columns'>): readonly IdentifiedRow[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const id = rowId(row, columns);
    const before = seen.get(id) ?? 0;
    seen.set(id, before + 1);
    return { id: before === 0 ? id : `${id}.${before}`, row };
  });
}

export function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function comparable(type: Column['type'], value: Cell | undefined): number | string | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const series = seriesOf(value);
  if (series !== undefined) return sum(series);
  if (type === 'time') return timeOf(value);
  if (type === 'text' || type === 'ip' || type === 'state') return String(value);
  return typeof value === 'boolean' ? Number(value) : numberOf(value);
}

const texts = new Intl.Collator('en-GB', { numeric: true });

/** What is missing comes last either way; equals stay in the order that the question ranked them. */
export function sortRows(
  rows: readonly IdentifiedRow[],
  columns: readonly Column[],
  sort: Sort | undefined,
): readonly IdentifiedRow[] {
  const column = columns.find(({ name }) => name === sort?.column);
  if (sort === undefined || column === undefined) return rows;
  const sign = sort.descending ? -1 : 1;
  const keyed = rows.map((each) => ({ each, key: comparable(column.type, each.row[column.name]) }));
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    return (
      sign * (typeof a === 'number' && typeof b === 'number' ? a - b : texts.compare(String(a), String(b)))
    );
  });
  return keyed.map(({ each }) => each);
}

/** Names read from A, numbers from the largest; a third time gives the question's own order back. */
export function nextSort(column: Column, sort: Sort | undefined): Sort | undefined {
  const firstDescending = !naming.includes(column.type);
  if (sort?.column !== column.name) return { column: column.name, descending: firstDescending };
  return sort.descending === firstDescending
    ? { column: column.name, descending: !firstDescending }
    : undefined;
}

/**
 * The parameter that narrows the question to this column's value, where the names say so: `host` for
 * `host.name`, `destination` for `destination.ip`, `port` for `destination.port`.
 */
export function narrowingParam(column: string, params: readonly Param['name'][]): string | undefined {
  const [first = '', ...rest] = column.split('.');
  const last = rest.at(-1) ?? '';
  const candidates = [column, last, ...(['name', 'ip'].includes(last) ? [first] : [])];
  return candidates.find((name) => params.includes(name));
}

/** `curl → 192.0.2.1:443`: what a row is about, as short as it can be said. */
export function rowTitle(row: Row, columns: readonly Column[]): string {
  const text = (name: string): string => {
    const value = row[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const ip = text('destination.ip');
  const address = ip.includes(':') ? `[${ip}]` : ip;
  const port = text('destination.port');
  const to = text('destination.name') || address;
  const ends = [text('process.name'), port === '' ? to : `${to}:${port}`].filter((end) => end !== '');
  if (ends.length > 0) return [ends.join(' → '), text('connection.state')].filter(Boolean).join(' · ');
  const names = columns.filter(({ type }) => naming.includes(type)).map(({ name }) => text(name));
  return names.filter((name) => name !== '').join(' · ');
}
