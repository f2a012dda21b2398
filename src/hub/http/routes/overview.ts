import * as z from 'zod';
import { overviewSchema } from '../../../question/overview.ts';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/overview',
  summary: 'How much was opened, what of it came to nothing, and which nodes told: what the page opens with',
  query: z.strictObject({
    since: z.string().optional().describe('the range up to now, such as 15m; an hour by default'),
    from: z.string().optional().describe('or from this time'),
    to: z.string().optional().describe('to this one, now by default'),
    host: z.string().optional().describe('only this one'),
    environment: z.string().optional().describe('only this one'),
    own: z.string().optional().describe('true: traffic of Sonde itself too'),
  }),
  responses: {
    200: { description: 'by bucket', content: { 'application/json': overviewSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    return {
      body: await ask.overview({ query: Object.fromEntries(given) as Record<string, string>, signal }),
    };
  },
});
