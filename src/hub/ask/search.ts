/** Searches: rows of a table that a filter lets through, newest first, and the values that they have. */

import { readFileSync } from 'node:fs';
import { exportTables } from '../../question/export.ts';
import type { Answer, ParamValue } from '../../question/contract.ts';
import { failSearch, readSearched, searchLimits, type Searched } from '../../question/search/asked.ts';
import { searchColumns } from '../../question/search/columns.ts';
import type { Facet, Facets, SearchAnswer } from '../../question/search/contract.ts';
import { findField, isMeasured, searchTables, type SearchField } from '../../question/search/fields.ts';
import { askCoverage, scopeOf } from './coverage.ts';
import type { Asking, AskOptions } from './options.ts';
import type { AskStore, StoreRow } from './query.ts';
import { rawLevel, readRange, type TimeRange } from './range.ts';
import { facetSql, filterSql, openParameters, type Parameters } from './search/conditions.ts';
import { firstPage, pageAfter, readPage, type Page } from './search/page.ts';

function readSql(name: string): string {
  return readFileSync(new URL(`search/${name}.sql`, import.meta.url), 'utf8');
}

const [rowsSql, facetsSql] = ['rows', 'facets'].map(readSql) as [string, string];

export interface AskSearch {
  /** `query`: table, filter, since, from, to, scope, limit, page. Rejects with search.bad_filter and others. */
  search(asking: Asking): Promise<SearchAnswer>;
  /** `query`: table, filter, since, from, to, scope, limit (values), field (names with commas between). */
  facets(asking: Asking): Promise<Facets>;
}

interface Inquiry {
  readonly searched: Searched;
  readonly range: TimeRange;
  readonly page: Page;
  readonly nowMs: number;
  readonly values: Readonly<Record<string, ParamValue>>;
}

function inquire(query: Readonly<Record<string, string>>, { clock }: AskOptions): Inquiry {
  const nowMs = clock.wallMs();
  const { since, from, to, page, ...asked } = query;
  const searched = readSearched(asked);
  const { values } = searched;
  if (page !== undefined) {
    const read = readPage(page) ?? failSearch('page', 'is none that an answer named');
    return { searched, ...read, nowMs, values };
  }
  const range = readRange({ since, from, to }, nowMs);
  if ('problem' in range) return failSearch(range.param, range.problem);
  return { searched, range, page: firstPage, nowMs, values };
}

/** What both statements take, with the filter put into them. */
function prepare(sql: string, { searched, range }: Inquiry, { name, values }: Parameters) {
  const { table } = searchTables[searched.table] ?? { table: '' };
  const filter = filterSql(searched.filter, name);
  return {
    sql: sql.replaceAll('{filter:Filter}', () => filter),
    params: {
      table,
      time: exportTables[table],
      from: new Date(range.fromMs),
      to: new Date(range.toMs),
      ...values,
    },
  };
}

const [firstSpanMs, spanGrowth] = [10 * 60_000, 6] as const;

/** The end of the range is asked before more of it: it often has enough, and the rest is not read. */
async function askRows(store: AskStore, inquiry: Inquiry, signal: AbortSignal): Promise<readonly StoreRow[]> {
  const { page, range, values } = inquiry;
  const limit = Number(values['limit']);
  const toMs = page.boot === '' ? range.toMs : page.timeMs + 1;
  for (let spanMs: number = firstSpanMs; ; spanMs *= spanGrowth) {
    const fromMs = Math.max(range.fromMs, toMs - spanMs);
    const { sql, params } = prepare(rowsSql, { ...inquiry, range: { fromMs, toMs } }, openParameters());
    const paged = {
      page_time: new Date(page.timeMs),
      page_boot: page.boot,
      page_instance: page.instance,
      page_sequence: page.sequence,
      limit: limit + 1,
    };
    const rows = await store({ question: 'search', sql, params: { ...params, ...paged }, signal });
    if (rows.length > limit || fromMs === range.fromMs) return rows;
  }
}

/** Those for a glance, and those that any of the rows has. */
function told(rows: readonly StoreRow[], table: string): Pick<SearchAnswer, 'columns' | 'glance' | 'rows'> {
  const stored = Object.keys(rows[0] ?? {});
  if (rows.length === 0) return { columns: [], glance: 0, rows: [] };
  const { columns, glance, cells } = searchColumns(table, stored);
  const all = rows.map((row) => cells(stored.map((column) => row[column])));
  const names = new Set(all.flatMap((row) => Object.keys(row)));
  return { columns: columns.filter(({ name }) => names.has(name)), glance, rows: all };
}

async function search(
  store: AskStore,
  inquiry: Inquiry,
  { signal }: Asking,
): Promise<Omit<SearchAnswer, 'tookMs'>> {
  const { searched, range, nowMs, values } = inquiry;
  const { table, text } = searched;
  const askedMs = range.toMs - range.fromMs;
  const scope = scopeOf(values);
  const [found, coverage] = await Promise.all([
    askRows(store, inquiry, signal),
    askCoverage(store, { question: 'search', range, askedMs, scope, level: rawLevel, nowMs, signal }),
  ]);
  const limit = Number(values['limit']);
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  const time = exportTables[searchTables[table]?.table ?? ''] ?? '';
  return {
    question: 'search',
    title: searchTables[table]?.title ?? '',
    table,
    filter: text,
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    bucketMs: 0,
    params: values,
    ...told(rows, table),
    truncated: last !== undefined,
    next: last === undefined ? null : pageAfter(last, time, range),
    coverage,
    answeredAt: new Date(nowMs).toISOString(),
  };
}

const facetsDefault: Readonly<Record<string, string>> = {
  flows: 'process.name,connection.state,destination.ip,destination.port,direction,workload.name,host.name',
  events: 'process.name,connection.state,destination.ip,destination.port,direction,workload.name,host.name',
  dns: 'dns.question.name,dns.rcode,dns.question.type,process.name,workload.name,host.name',
  listeners: 'process.name,destination.port,listener.changes,workload.name,host.name',
  addresses: 'address.change,destination.scope,host.name',
  windows: 'host.name,environment,agent.version',
};

function facetFields({ fields, table }: Searched, asked: string | undefined): SearchField[] {
  const names = (asked ?? facetsDefault[table] ?? '').split(',').map((name) => name.trim());
  const { facetsMax } = searchLimits;
  if (names.length > facetsMax)
    return failSearch('field', `must be at most ${facetsMax}; got ${names.length}`);
  return names.map((name) => {
    const field = findField(fields, name);
    if (field === undefined) return failSearch('field', `has ${name}, which is no field of ${table}`);
    if (!isMeasured(field)) return field;
    return failSearch('field', `has ${name}, which is measured: it has no values to count`);
  });
}

function facetsOf(rows: readonly StoreRow[], fields: readonly SearchField[]): Facet[] {
  return fields.map(({ name }) => {
    const of = rows.filter((row) => row['field'] === name);
    return {
      field: name,
      different: Number(of[0]?.['different'] ?? 0),
      rows: Number(of[0]?.['all_rows'] ?? 0),
      values: of.map((row) => ({ value: String(row['text']), rows: Number(row['rows']) })),
    };
  });
}

async function facets(store: AskStore, asking: Asking, options: AskOptions): Promise<Facets> {
  const { field: asked, limit = '10', ...query } = asking.query;
  const valuesMax = searchLimits.facetValuesMax;
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > valuesMax) {
    return failSearch('limit', `must be a whole number between 1 and ${valuesMax}; got ${limit}`);
  }
  const inquiry = inquire(query, options);
  const { searched, range } = inquiry;
  const fields = facetFields(searched, asked);
  const parameters = openParameters();
  const each = fields.map((field) =>
    facetsSql
      .replace('{field:Field}', () => parameters.name(field.name, 'String'))
      .replace('{value:Value}', () => facetSql(field, parameters.name)),
  );
  const { sql, params } = prepare(each.join('UNION ALL\n'), inquiry, parameters);
  const rows = await store({
    question: 'facets',
    sql,
    params: { ...params, limit: Number(limit) },
    signal: asking.signal,
  });
  return {
    table: searched.table,
    filter: searched.text,
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    facets: facetsOf(rows, fields),
  };
}

export function openSearch(store: AskStore, options: AskOptions): AskSearch {
  return {
    async search(asking) {
      const startNs = options.clock.monotonicNs();
      const answer: Omit<Answer, 'tookMs'> = await search(store, inquire(asking.query, options), asking);
      const tookMs = Math.round(Number(options.clock.monotonicNs() - startNs) / 1e6);
      return { ...answer, tookMs } as SearchAnswer;
    },
    facets: (asking) => facets(store, asking, options),
  };
}
