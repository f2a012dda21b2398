import * as z from 'zod';
import { nodeListSchema } from '../../../question/map.ts';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/nodes',
  summary:
    'The agents that were ever heard: when last, their version, how far their clocks are off, what they cover',
  query: z.strictObject({
    since: z.string().optional().describe('the range up to now, such as 15m; an hour by default'),
    from: z.string().optional().describe('or from this time'),
    to: z.string().optional().describe('to this one, now by default'),
    environment: z.string().optional().describe('only this one'),

    limit: z.string().optional().describe('at most so many; 100 by default'),
  }),
  responses: {
    200: { description: 'sorted', content: { 'application/json': nodeListSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    return { body: await ask.nodes({ query: Object.fromEntries(given) as Record<string, string>, signal }) };
  },
});
