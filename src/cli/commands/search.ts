/** sonde search: rows that a filter lets through, or the values that they have, from the hub. */

import { exitCodes } from '../../lib/errors.ts';
import { jsonLine } from '../../lib/terminal.ts';
import { answerLines } from '../answer-lines.ts';
import type { Command, CommandContext } from '../command.ts';
import { facetLines } from '../facet-lines.ts';
import { fetchFacets, fetchSearch, hubOption, hubUrl } from '../hub-client.ts';
import { filterNotes, filterWord, searchOptions, searchQuery } from '../search-query.ts';
import { painter } from '../trace-lines.ts';

const ranges = ['since', 'from', 'to', 'limit'] as const;

async function printFacets(context: CommandContext, field: string): Promise<void> {
  const { values, stdout, signal } = context;
  const query = { ...searchQuery(context, ranges), field };
  const facets = await fetchFacets(query, { url: hubUrl(values), signal });
  const paint = painter(stdout.isTerminal);
  const lines = facets.facets.flatMap((each) => facetLines(each, paint));
  stdout.write(values['json'] === true ? `${jsonLine(facets)}\n` : `${lines.join('\n')}\n`);
}

async function printRows(context: CommandContext): Promise<void> {
  const { values, stdout, signal } = context;
  const query = searchQuery(context, [...ranges, 'page']);
  const answer = await fetchSearch(query, { url: hubUrl(values), signal });
  const table = { columns: stdout.columns, paint: painter(stdout.isTerminal) };
  stdout.write(
    values['json'] === true ? `${jsonLine(answer)}\n` : `${answerLines(answer, table).join('\n')}\n`,
  );
}

export const command: Command = {
  name: 'search',
  summary: 'rows by any label, newest first, or the values that they have',
  word: filterWord,
  options: {
    ...searchOptions,
    since: { type: 'string', value: 'TIME', help: 'how far back, such as 15m (1h)' },
    from: { type: 'string', value: 'WHEN', help: 'start instead, such as 2026-01-31T14:00:00Z' },
    to: { type: 'string', value: 'WHEN', help: 'end; now by default' },
    limit: { type: 'string', value: 'N', help: 'rows at most (100); with --facet values of each field (10)' },
    page: { type: 'string', value: 'TEXT', help: '`next` of an answer in JSON: the rows behind it' },
    facet: {
      type: 'string',
      value: 'FIELD',
      help: 'instead of rows the most frequent values of this field, or of several with commas between',
    },
    json: { type: 'boolean', help: 'the answer as one JSON object, with all that the rows have' },
    hub: hubOption,
  },
  notes: filterNotes,
  async run(context) {
    const { facet } = context.values;
    await (typeof facet === 'string' ? printFacets(context, facet) : printRows(context));
    return exitCodes.ok;
  },
};
