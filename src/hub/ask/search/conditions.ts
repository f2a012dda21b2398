/**
 * A filter as conditions of the store. Put together of the fragments that stand here, and of nothing else:
 * every column, key and value is a parameter.
 */

import { likeParts } from '../../../question/params.ts';
import type { Place, SearchField } from '../../../question/search/fields.ts';
import type { Condition, Filter, Term, Test } from '../../../question/search/filter.ts';

/** `{name:Type}` of a value that gets a name of its own. */
export type Name = (value: unknown, type: string) => string;

export interface Parameters {
  readonly name: Name;
  readonly values: Readonly<Record<string, unknown>>;
}

export function openParameters(): Parameters {
  const values: Record<string, unknown> = {};
  const name: Name = (value, type) => {
    const key = `p${Object.keys(values).length}`;
    values[key] = value;
    return `{${key}:${type}}`;
  };
  return { name, values };
}

/** A field's value; NULL where a row has none. */
function valueOf({ column, over, key }: Place, name: Name): string {
  const value = name(column, 'Identifier');
  if (over !== undefined) return `${value} / nullIf(${name(over, 'Identifier')}, 0)`;
  return key === undefined ? value : `${value}[${name(key, 'String')}]`;
}

function conditionOf(value: string, condition: Condition, name: Name): string {
  switch (condition.is) {
    case 'text':
      return `${value} = ${name(condition.text, 'String')}`;
    case 'pattern': {
      const like = name(likeParts(condition.parts), 'String');
      return condition.folded ? `lower(${value}) LIKE ${like}` : `${value} LIKE ${like}`;
    }
    case 'network': {
      const [first, last] = [name(condition.first, 'IPv6'), name(condition.last, 'IPv6')];
      return `toIPv6OrNull(splitByChar('/', ${value})[1]) BETWEEN ${first} AND ${last}`;
    }
    case 'number':
      return `${value} ${condition.comparison} ${name(condition.number, 'Float64')}`;
    case 'boolean':
      return `${value} = ${name(condition.value, 'Bool')}`;
    case 'none':
      return `${value} IS NULL`;
  }
}

function testOf({ field, condition }: Test, name: Name): string {
  const value = valueOf(field.place, name);
  if (field.isList) return `arrayExists(each -> ${conditionOf('each', condition, name)}, ${value})`;
  return `ifNull(${conditionOf(value, condition, name)}, false)`;
}

function termOf({ isNegated, tests }: Term, name: Name): string {
  const any = tests.length === 0 ? 'false' : tests.map((test) => testOf(test, name)).join(' OR ');
  return isNegated ? `NOT (${any})` : `(${any})`;
}

/** In place of `{filter:Filter}`. */
export function filterSql(filter: Filter, name: Name): string {
  return filter.length === 0 ? 'true' : filter.map((term) => termOf(term, name)).join(' AND ');
}

/** In place of `{value:Value}`: a field's value, or each of a list's. */
export function facetSql({ place, isList }: SearchField, name: Name): string {
  return isList ? `arrayJoin(${valueOf(place, name)})` : valueOf(place, name);
}
