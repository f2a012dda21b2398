/** `standard` of agent.yaml. */

import * as z from 'zod';
import { standardProblem, type Standard } from '../../../model/standard.ts';

const text = (max: number) => z.string().min(1, 'must not be empty').max(max);

export const standardSchema = z
  .strictObject({
    required: z
      .array(text(128))
      .min(1, 'must not be empty: leave it out where the seven are enough')
      .max(64)
      .optional()
      .meta({
        description:
          'labels that every record must have, beside the seven, by name; labels.NAME is one that a rule gives ([standard](standard.md))',
      }),
    values: z
      .record(z.string(), z.array(text(256)).min(1, 'must not be empty: nothing would be allowed').max(1000))
      .default({})
      .meta({ description: 'all that a label may be, by its name' }),
    patterns: z.record(z.string(), text(256)).default({}).meta({
      description: 'regular expression that is found in a label, by its name; ^ and $ are its ends',
    }),
  })
  .transform(({ required = [], ...of }): Standard => ({ required, ...of }))
  .superRefine((standard, context) => {
    const problem = standardProblem(standard);
    if (problem) context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message });
  });
