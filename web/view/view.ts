/**
 * What the page shows, and its URL: the one holds all that the other says, so that a copied URL shows the
 * same. The query is what the API is asked, in the API's own words; the fragment names the question and how
 * its answer is looked at:
 *
 *   /?since=15m&host=web-1&process=curl#timeouts?sort=-timed_out&row=5f1c22ab
 */
import type { Finding } from '../../src/question/finding.ts';

/** Back from now, or fixed; RFC 3339. */
export type Range = { readonly since: string } | { readonly from: string; readonly to: string };

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

export interface View {
  /** Id; empty for the page that it opens with. */
  readonly question: string;
  readonly range: Range;
  /** Empty: all. */
  readonly host: string;
  readonly environment: string;
  /** With Sonde's own traffic. */
  readonly own: boolean;
  /** The question's own, as the URL has them; those left out have their defaults. */
  readonly params: Readonly<Record<string, string>>;
  /** Undefined: as the question ranks. */
  readonly sort: Sort | undefined;
  /** The row whose details are shown; `rowId`. */
  readonly row: string | undefined;
}

export const sinceDefault = '1h';

/** What every question understands; other names in the query are a question's own. */
const ofEveryQuestion = new Set(['since', 'from', 'to', 'host', 'environment', 'own']);

export function isOwnParam(name: string): boolean {
  return !ofEveryQuestion.has(name) && name !== 'format';
}

function readRange(query: URLSearchParams): Range {
  const [from, to] = [query.get('from'), query.get('to')];
  if (from !== null && to !== null) return { from, to };
  return { since: query.get('since') ?? sinceDefault };
}

function readSort(text: string | null): Sort | undefined {
  if (text === null || text === '') return undefined;
  const descending = text.startsWith('-');
  return { column: descending ? text.slice(1) : text, descending };
}

export function readView(url: URL): View {
  const query = url.searchParams;
  const [id = '', looks = ''] = url.hash.slice(1).split(/\?(.*)/s);
  const looking = new URLSearchParams(looks);
  return {
    question: decodeId(id),
    range: readRange(query),
    host: query.get('host') ?? '',
    environment: query.get('environment') ?? '',
    own: query.get('own') === 'true',
    params: Object.fromEntries([...query].filter(([name]) => isOwnParam(name))),
    sort: readSort(looking.get('sort')),
    row: looking.get('row') ?? undefined,
  };
}

/** A URL may be written by anyone: what is not percent-encoded rightly is taken as it stands. */
function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function queryOf(view: View): URLSearchParams {
  const query = new URLSearchParams();
  if ('from' in view.range) {
    query.set('from', view.range.from);
    query.set('to', view.range.to);
  } else if (view.range.since !== sinceDefault) {
    query.set('since', view.range.since);
  }
  if (view.host !== '') query.set('host', view.host);
  if (view.environment !== '') query.set('environment', view.environment);
  if (view.own) query.set('own', 'true');
  for (const [name, value] of Object.entries(view.params)) query.set(name, value);
  return query;
}

function withQuery(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`;
}

/** Path, query and fragment of the page that shows this. */
export function pageUrl(view: View): string {
  const looking = new URLSearchParams();
  if (view.sort !== undefined) looking.set('sort', `${view.sort.descending ? '-' : ''}${view.sort.column}`);
  if (view.row !== undefined) looking.set('row', view.row);
  const fragment = withQuery(encodeURIComponent(view.question), looking);
  return `${withQuery('/', queryOf(view))}${fragment === '' ? '' : `#${fragment}`}`;
}

/** Where the answer is: always with its range, whatever the API's default is. */
export function answerUrl(view: View, format?: 'csv' | 'json' | 'ndjson'): string {
  const query = queryOf(view);
  if ('since' in view.range) query.set('since', view.range.since);
  if (format !== undefined) query.set('format', format);
  return `/api/v1/questions/${encodeURIComponent(view.question)}?${query}`;
}

/** The page's own names among questions: what it opens with, and rows by any label. */
export const homeId = '';
export const searchId = 'search';

/** Where the overview of this is. */
export function overviewUrl(view: View): string {
  const query = queryOf({ ...view, params: {} });
  if ('since' in view.range) query.set('since', view.range.since);
  return `/api/v1/overview?${query}`;
}

/** The question that shows what was found, asked for exactly that. */
export function evidenceView({ question, evidence }: Pick<Finding, 'question' | 'evidence'>): View {
  const query = new URLSearchParams(evidence.query);
  return readView(new URL(`http://page/?${query}#${encodeURIComponent(question)}`));
}

/** Where a search of this is, its facets, or its tail, which has no range. */
export function searchUrl(view: View, of: 'search' | 'facets' | 'tail'): string {
  const { live: _, ...params } = view.params;
  const { limit, ...filter } = params;
  const query = queryOf({ ...view, params: of === 'search' ? params : filter });
  if (of === 'tail') for (const name of ['since', 'from', 'to']) query.delete(name);
  else if ('since' in view.range) query.set('since', view.range.since);
  if (of === 'search' && limit === undefined) query.set('limit', String(searchRows));
  return `/api/v1/${of}?${query}`;
}

const searchRows = 200;

/** Another question about the same range and scope: what only this one understands is left behind. */
export function otherQuestion(view: View, question: string): View {
  return { ...view, question, params: {}, sort: undefined, row: undefined };
}

/** A parameter that says what it would be anyway is left out. */
export function withParam(view: View, param: { name: string; value: string; unset: string }): View {
  const { [param.name]: _, ...others } = view.params;
  const isSet = param.value !== param.unset;
  return { ...view, params: isSet ? { ...others, [param.name]: param.value } : others, row: undefined };
}
