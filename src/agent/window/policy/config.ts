/** `policy` of agent.yaml. */

import * as z from 'zod';
import { fieldActions, policyPresets, policyProblem, effectiveActions } from '../../../model/policy.ts';

export const policySchema = z
  .strictObject({
    preset: z.enum(policyPresets).default('full').meta({
      description:
        'what is done with fields that are not named below ([policy](policy.md)); full keeps all, standard cuts what is somebody else’s, minimal leaves what most questions need',
    }),
    version: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/, 'must be up to 48 of A-Z, a-z, 0-9, ., _ and -')
      .optional()
      .meta({ description: 'name of this policy, on every record; the preset’s by default' }),
    fields: z
      .record(z.string(), z.enum(fieldActions))
      .default({})
      .meta({
        description: `what is done with single fields, by their names: ${fieldActions.join(', ')}`,
      }),
    key_file: z
      .string()
      .regex(/^\//, 'must be an absolute path')
      .optional()
      .meta({ description: 'key of the hashes: a file of 32 bytes or more that only its owner may read' }),
    prefix_ipv4: z
      .int()
      .min(8)
      .max(31)
      .default(24)
      .meta({ description: 'bits of an IPv4 address that truncate leaves' }),
    prefix_ipv6: z
      .int()
      .min(16)
      .max(127)
      .default(48)
      .meta({ description: 'bits of an IPv6 address that truncate leaves' }),
  })
  .superRefine(({ preset, fields, key_file }, context) => {
    const problem = policyProblem(preset, fields);
    if (problem) {
      context.addIssue({ code: 'custom', path: ['fields', problem.field], message: problem.message });
      return;
    }
    const hashed = [...effectiveActions(preset, fields)].find(([, action]) => action === 'hash');
    if (hashed && key_file === undefined)
      context.addIssue({
        code: 'custom',
        path: ['key_file'],
        message: `${hashed[0]} is hashed, which needs a key`,
      });
  });

export type PolicyConfig = z.output<typeof policySchema>;
