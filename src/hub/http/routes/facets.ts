import * as z from 'zod';
import { facetsSchema } from '../../../question/search/contract.ts';
import { defineRoute } from '../route.ts';

const when = (text: string) => z.string().optional().describe(text);

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/facets',
  summary: 'The most frequent values of fields in the rows that a filter lets through',
  query: z.strictObject({
    field: when('names with commas between, 12 at most; a choice of the table’s without it'),
    table: when('flows (the default), events, dns, listeners, addresses or windows'),
    filter: when('as of a search'),
    since: when('how far back, such as 15m; an hour by default'),
    from: when('start instead, such as 2026-01-31T14:00:00Z'),
    to: when('end; now by default'),
    host: when('only this host.name'),
    environment: when('only this environment'),
    own: when('true: traffic of Sonde itself too'),
    limit: when('values of each field: 10 by default, 100 at most'),
  }),
  responses: {
    200: { description: 'in the order of the fields', content: { 'application/json': facetsSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    return { body: await ask.facets({ query: Object.fromEntries(given) as Record<string, string>, signal }) };
  },
});
