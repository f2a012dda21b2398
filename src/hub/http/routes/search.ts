import * as z from 'zod';
import { searchAnswerSchema } from '../../../question/search/contract.ts';
import { defineRoute } from '../route.ts';

const when = (text: string) => z.string().optional().describe(text);

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/search',
  summary: 'Rows that a filter lets through, newest first, with their coverage',
  query: z.strictObject({
    table: when('flows (the default), events, dns, listeners, addresses or windows'),
    filter: when('terms that all must hold, such as process.name=curl destination.port>=1024'),
    since: when('how far back, such as 15m; an hour by default'),
    from: when('start instead, such as 2026-01-31T14:00:00Z'),
    to: when('end; now by default'),
    host: when('only this host.name'),
    environment: when('only this environment'),
    own: when('true: traffic of Sonde itself too'),
    limit: when('rows at most: 100 by default, 1000 at most'),
    page: when('`next` of an answer: the rows behind it, of the same range; the rest as before'),
  }),
  responses: {
    200: { description: 'the rows', content: { 'application/json': searchAnswerSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    return { body: await ask.search({ query: Object.fromEntries(given) as Record<string, string>, signal }) };
  },
});
