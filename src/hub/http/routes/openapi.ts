import * as z from 'zod';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/openapi.json',
  summary: 'This description',
  responses: {
    200: { description: 'OpenAPI 3.1', content: { 'application/json': z.record(z.string(), z.unknown()) } },
  },
  handle: (_request, parts) => ({ body: parts.openApi() }),
});
