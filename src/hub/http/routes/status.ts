import * as z from 'zod';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/status',
  summary: 'How hub, engine, store and journal are; which nodes were heard; what was rejected, and why',
  responses: {
    200: { description: 'the state now', content: { 'application/json': z.record(z.string(), z.unknown()) } },
  },
  handle: async (_request, parts) => ({ body: await parts.status() }),
});
