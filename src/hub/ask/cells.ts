/** Cells of the store as values of a column's type. */

import type { Cell, Column } from '../../question/contract.ts';
import type { StoreRow } from './query.ts';

/** 64-bit integers come as text. A number where it is exact, the text where it would not be. */
function numberOf(value: unknown): number | string | null {
  if (value === null) return null;
  const number = Number(value);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? String(value) : number;
}

/** A time that no row had is the epoch. */
function timeOf(value: unknown): string | null {
  return value === null || Date.parse(String(value)) === 0 ? null : String(value);
}

function cell(value: unknown, { name, type }: Column): Cell {
  if (value === undefined) throw new Error(`ask.sql gives no column ${name}`);
  switch (type) {
    case 'port':
    case 'count':
    case 'ratio':
    case 'duration_ms':
    case 'bytes':
      return numberOf(value);
    case 'time':
      return timeOf(value);
    case 'series':
      return (value as readonly unknown[]).map((each) => (each === null ? null : Number(each)));
    case 'text':
    case 'ip':
    case 'state':
      return value === null ? null : String(value);
  }
}

/** The manifest's columns, in its order; each must be there. */
export function cells(row: StoreRow, columns: readonly Column[]): Record<string, Cell> {
  return Object.fromEntries(columns.map((column) => [column.name, cell(row[column.name], column)]));
}
