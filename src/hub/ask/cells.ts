/** Cells of the store as values of a column's type. */

import type { Cell, Column } from '../../question/contract.ts';
import type { StoreRow } from './query.ts';

type Scalar = string | number | boolean | null;

/** 64-bit integers come as text. A number where it is exact, the text where it would not be. */
function numberOf(value: Scalar): number | string | null {
  if (value === null) return null;
  const number = Number(value);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? String(value) : number;
}

/** A time that no row had is the epoch. */
function timeOf(value: Scalar): string | null {
  return value === null || Date.parse(String(value)) === 0 ? null : String(value);
}

function cell(row: StoreRow, { name, type }: Column): Cell {
  const value = row[name] as Scalar | readonly Scalar[] | undefined;
  if (value === undefined) throw new Error(`ask.sql gives no column ${name}`);
  if (Array.isArray(value) !== (type === 'series')) throw new Error(`column ${name} is no ${type}`);
  if (Array.isArray(value)) return value.map((each: Scalar) => (each === null ? null : Number(each)));
  const scalar = value as Scalar;
  switch (type) {
    case 'port':
    case 'count':
    case 'ratio':
    case 'duration_ms':
    case 'bytes':
      return numberOf(scalar);
    case 'time':
      return timeOf(scalar);
    case 'text':
    case 'ip':
    case 'state':
    case 'series':
      return scalar === null ? null : String(scalar);
  }
}

/** The manifest's columns, in its order; each must be there. */
export function cells(row: StoreRow, columns: readonly Column[]): Record<string, Cell> {
  return Object.fromEntries(columns.map((column) => [column.name, cell(row, column)]));
}
