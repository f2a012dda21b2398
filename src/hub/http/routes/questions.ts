import * as z from 'zod';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/questions',
  summary: 'The questions that can be asked, with their parameters and columns',
  responses: {
    200: {
      description: 'as they are listed',
      content: { 'application/json': z.object({ questions: z.array(z.record(z.string(), z.unknown())) }) },
    },
  },
  handle: (_request, { ask }) => ({ body: { questions: ask.questions() } }),
});
