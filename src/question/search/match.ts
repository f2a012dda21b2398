/** The filter over rows in memory, as they are stored: the meaning that src/hub/ask/search/ gives the store. */

import { partsMatcher } from '../../model/filter.ts';
import type { Row } from '../../model/block.ts';
import { addressNumber } from '../network.ts';
import type { Place, SearchField } from './fields.ts';
import { fold, type Comparison, type Condition, type Filter, type Term } from './filter.ts';

type Read = (row: Row) => unknown;

/** Reads a field's value off rows of these columns; null where a row has none. */
export function reader(
  { place, type }: Pick<SearchField, 'place' | 'type'>,
  columns: readonly string[],
): Read {
  const at = (column: string): number => {
    const index = columns.indexOf(column);
    if (index < 0) throw new Error(`no column ${column}`);
    return index;
  };
  const { column, over, key }: Place = place;
  const index = at(column);
  if (over !== undefined) {
    const divisor = at(over);
    return (row) => (Number(row[divisor]) === 0 ? null : Number(row[index]) / Number(row[divisor]));
  }
  if (key === undefined) return (row) => row[index] ?? null;
  const missing = type === 'number' ? 0 : '';
  return (row) => {
    const map = row[index] as Readonly<Record<string, unknown>> | null | undefined;
    return map && Object.hasOwn(map, key) ? map[key] : missing;
  };
}

const compare: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

const textsKnownMax = 10_000;

/** The same names and addresses come again and again: each is looked at once. */
function remembered(test: (text: string) => boolean): (value: unknown) => boolean {
  const known = new Map<unknown, boolean>();
  return (value) => {
    let holds = known.get(value);
    if (holds === undefined) {
      holds = test(String(value));
      if (known.size >= textsKnownMax) known.clear();
      known.set(value, holds);
    }
    return holds;
  };
}

/** A network is where its first address is; what a field policy hashed is nowhere. */
function networkTest(first: string, last: string): (value: unknown) => boolean {
  const [low = 0n, high = 0n] = [addressNumber(first), addressNumber(last)];
  return remembered((text) => {
    const number = addressNumber(text.split('/')[0] ?? '');
    return number !== undefined && number >= low && number <= high;
  });
}

/** Of a value that is there. */
function valueTest(condition: Condition): (value: unknown) => boolean {
  switch (condition.is) {
    case 'text':
      return (value) => value === condition.text;
    case 'pattern': {
      const matches = partsMatcher(condition.parts);
      return remembered(condition.folded ? (text) => matches(fold(text)) : matches);
    }
    case 'network':
      return networkTest(condition.first, condition.last);
    case 'number': {
      const holds = compare[condition.comparison];
      return (value) => holds(Number(value), condition.number);
    }
    case 'boolean':
      return (value) => value === condition.value;
    case 'none':
      return () => false;
  }
}

function termTest({ tests, isNegated }: Term, columns: readonly string[]): (row: Row) => boolean {
  const all = tests.map(({ field, condition }): ((row: Row) => boolean) => {
    const read = reader(field, columns);
    const holds = valueTest(condition);
    if (field.isList) return (row) => ((read(row) ?? []) as readonly unknown[]).some(holds);
    return (row) => {
      const value = read(row);
      return value === null ? condition.is === 'none' : holds(value);
    };
  });
  return (row) => all.some((test) => test(row)) !== isNegated;
}

/** Whether a row of these columns is one of those that the filter means. */
export function rowMatcher(filter: Filter, columns: readonly string[]): (row: Row) => boolean {
  const terms = filter.map((term) => termTest(term, columns));
  return (row) => terms.every((test) => test(row));
}
