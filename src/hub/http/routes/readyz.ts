import * as z from 'zod';
import { OperatorError } from '../../../lib/errors.ts';
import { defineRoute } from '../route.ts';

export const route = defineRoute({
  method: 'GET',
  path: '/readyz',
  summary: 'Whether questions can be answered now. Records are taken before that, too',
  responses: {
    200: { description: 'they can', content: { 'application/json': z.object({ ready: z.literal(true) }) } },
  },
  handle(_request, parts) {
    const reason = parts.notReady();
    if (reason !== undefined) throw new OperatorError('hub.not_ready', { reason });
    return { body: { ready: true } };
  },
});
