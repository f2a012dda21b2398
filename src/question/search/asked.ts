/** What was asked of a search or a tail, checked: a table, a filter, and the scope as terms of it. */

import { OperatorError } from '../../lib/errors.ts';
import type { ParamValue } from '../contract.ts';
import { readParams, scopeParams } from '../params.ts';
import { searchFields, searchTables, type SearchFields } from './fields.ts';
import { parseFilter, type Filter, type Term } from './filter.ts';

export const searchLimits = { rowsMax: 1000, facetsMax: 12, facetValuesMax: 100 } as const;

export interface Searched {
  /** As it was asked for: a key of `searchTables`. */
  readonly table: string;
  readonly fields: SearchFields;
  readonly text: string;
  /** With the scope. */
  readonly filter: Filter;
  /** Of the scope. */
  readonly values: Readonly<Record<string, ParamValue>>;
}

export function failSearch(param: string, problem: string): never {
  throw new OperatorError('search.bad_param', { param, problem });
}

const params = scopeParams.map((param) =>
  param.name === 'limit' ? { ...param, max: searchLimits.rowsMax } : param,
);

function scopeTerm(fields: SearchFields, name: string, text: string): Term[] {
  const field = fields.all.get(name);
  return field ? [{ isNegated: false, tests: [{ field, condition: { is: 'text', text } }] }] : [];
}

/** Sonde's own traffic is left out, unless it is asked for. */
function scopeOf(fields: SearchFields, filter: Filter, values: Searched['values']): Filter {
  const [host, environment] = [String(values['host']), String(values['environment'])];
  const asksOwn = filter.some(({ tests }) => tests.length === 1 && tests[0]?.field.name === 'workload.name');
  const own = values['own'] === true || asksOwn ? [] : scopeTerm(fields, 'workload.name', 'sonde');
  return [
    ...(host === '' ? [] : scopeTerm(fields, 'host.name', host)),
    ...(environment === '' ? [] : scopeTerm(fields, 'environment', environment)),
    ...own.map((term) => ({ ...term, isNegated: true })),
  ];
}

/** `table` (flows), `filter`, and the scope; throws search.bad_param and search.bad_filter. */
export function readSearched(query: Readonly<Record<string, string>>): Searched {
  const { table = 'flows', filter: text = '', ...scope } = query;
  if (!Object.hasOwn(searchTables, table)) {
    return failSearch('table', `must be one of ${Object.keys(searchTables).join(', ')}; got ${table}`);
  }
  const read = readParams(params, scope);
  if ('problem' in read) return failSearch(read.param, read.problem);
  const fields = searchFields(table);
  const parsed = parseFilter(text, fields);
  if ('problem' in parsed) throw new OperatorError('search.bad_filter', { ...parsed });
  const filter = [...scopeOf(fields, parsed.filter, read.values), ...parsed.filter];
  return { table, fields, text, filter, values: read.values };
}
