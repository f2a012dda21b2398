import * as z from 'zod';
import { edgeMapSchema } from '../../../question/map.ts';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/edges',
  summary:
    'Who talks to whom, each edge once: both ends by host, workload and process, where Sonde runs at both',
  query: z.strictObject({
    since: z.string().optional().describe('the range up to now, such as 15m; an hour by default'),
    from: z.string().optional().describe('or from this time'),
    to: z.string().optional().describe('to this one, now by default'),
    environment: z
      .string()
      .optional()
      .describe('only this one; an edge is in that of the end that tells of it'),
    own: z.string().optional().describe('true: traffic of Sonde itself too'),
    limit: z.string().optional().describe('at most so many; 100 by default'),
  }),
  responses: {
    200: { description: 'sorted', content: { 'application/json': edgeMapSchema } },
  },
  async handle({ query, signal }, { ask }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    return { body: await ask.edges({ query: Object.fromEntries(given) as Record<string, string>, signal }) };
  },
});
