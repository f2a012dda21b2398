import * as z from 'zod';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/healthz',
  summary: 'Whether the process is alive',
  responses: {
    200: { description: 'it is', content: { 'application/json': z.object({ ok: z.literal(true) }) } },
  },
  handle: () => ({ body: { ok: true } }),
});
