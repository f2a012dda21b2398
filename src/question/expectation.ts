/** What is expected: who may talk to whom, as files of the hub say it. The same for hub, API and command line. */

import * as z from 'zod';

/** What counts now. */
export interface InForce {
  /** Under which the store has it; empty where nothing is expected. */
  readonly digest: string;
  /** In words: what does not count any more, what is due, which file cannot be read. */
  readonly notes: readonly string[];
}

export const nothingExpected: InForce = { digest: '', notes: [] };

export const expectationStates = ['current', 'due', 'expired'] as const;
export type ExpectationState = (typeof expectationStates)[number];

const whomSchema = z.strictObject({
  environment: z.string().optional(),
  workload: z.string().optional(),
  process: z.string().optional(),
  host: z.string().optional(),
  namespace: z.string().optional(),
});
export type Whom = z.output<typeof whomSchema>;

export const expectationListSchema = z.strictObject({
  expectations: z.array(
    z.strictObject({
      label: z.string().describe('file and line'),
      state: z.enum(expectationStates).describe('due: to be reviewed, and counts; expired: counts no more'),
      whom: whomSchema.describe('patterns; what is left out is any'),
      why: z.string(),
      owner: z.string(),
      review: z.string().describe('the day from which on it is due'),
      expires: z.string().nullable().describe('the day from which on it does not count'),
    }),
  ),
  problem: z.string().nullable().describe('why the files do not count as they are now; those before do'),
});
export type ExpectationList = z.output<typeof expectationListSchema>;
