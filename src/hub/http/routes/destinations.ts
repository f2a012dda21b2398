import * as z from 'zod';
import { destinationListSchema } from '../../../question/destination.ts';
import { defineRoute } from '../route.ts';

const text = (description: string) => z.string().optional().describe(description);

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/destinations',
  summary:
    'Where processes opened connections to, over days and weeks, and what of it is expected: what sonde learn proposes from',
  query: z.strictObject({
    since: text('the range up to now, such as 30d; 14d by default'),
    from: text('or from this time'),
    to: text('to this one, now by default'),
    environment: text('only this one'),
    workload: text('only this one; * stands for any characters'),
    process: text('only this one; * stands for any characters'),
    own: text('true: traffic of Sonde itself too'),
    limit: text('at most so many; 10000 by default'),
  }),
  responses: {
    200: { description: 'sorted', content: { 'application/json': destinationListSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const asked = { query: Object.fromEntries(given) as Record<string, string>, signal };
    return { body: await ask.destinations(asked) };
  },
});
