/** The page's first look at a fleet: how much was opened, what of it came to nothing, and what that rests on. */

import * as z from 'zod';
import type { Coverage } from './contract.ts';

export const overviewSchema = z.strictObject({
  from: z.string(),
  to: z.string(),
  bucketMs: z.int().describe('length of one bucket'),
  opened: z.array(z.number()).describe('connections opened, by bucket'),
  failed: z
    .array(
      z.strictObject({
        state: z.string().describe('connection.state that they ended in'),
        connections: z.number(),
        byBucket: z.array(z.number()),
      }),
    )
    .describe('connections that came to nothing or were reset, most first'),
  coverage: z.record(z.string(), z.unknown()).describe('what it rests on, as with every answer'),
});

export type Overview = Omit<z.output<typeof overviewSchema>, 'coverage'> & { readonly coverage: Coverage };
