import * as z from 'zod';
import { parseDurationMs } from '../../../lib/units.ts';
import { findingStates } from '../../../question/finding.ts';
import { defineRoute } from '../route.ts';

const sinceMsMax = 400 * 86_400_000;

const since = z
  .string()
  .default('1d')
  .transform((text, context) => {
    const ms = parseDurationMs(text);
    if (ms !== undefined && ms <= sinceMsMax) return ms;
    context.addIssue({ code: 'custom', message: `must be a duration up to 400d, such as 1d; got ${text}` });
    return z.NEVER;
  });

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/findings',
  summary: 'What the detectors of the questions found, newest first',
  query: z.strictObject({
    since: since.meta({ description: 'a duration up to now, such as 7d; those that began in it' }),
    question: z.string().optional().meta({ description: 'only of this question' }),
    state: z.enum(findingStates).optional().meta({ description: 'only in this state' }),
    limit: z.coerce.number().int().min(1).max(10_000).default(100).meta({ description: 'findings at most' }),
  }),
  responses: {
    200: {
      description: 'newest first',
      content: { 'application/json': z.object({ findings: z.array(z.record(z.string(), z.unknown())) }) },
    },
  },
  async handle({ query: { since: sinceMs, question, state, limit } }, { detect }) {
    return { body: { findings: await detect.findings({ sinceMs, question, state, limit }) } };
  },
});
