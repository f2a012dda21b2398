/** hub.yaml's `detect.deliver`: who is told of findings. */

import * as z from 'zod';
import { severities } from '../../../question/finding.ts';

/** Files in targets/. */
export const targetKinds = ['alertmanager', 'otlp', 'slack', 'webhook'] as const;

const file = z.string().regex(/^\//, {
  error: ({ input }) => `must be an absolute path; got ${String(input)}`,
});

export const targetSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be up to 32 of a-z, 0-9, _ and -')
      .meta({ description: 'what has been told is kept under it: another name is told all anew' }),
    kind: z.enum(targetKinds).meta({ description: 'what it understands' }),
    url: z
      .url({ protocol: /^https?$/, error: 'must be an http or https address' })
      .optional()
      .meta({ description: 'where it is; of Alertmanager and OTLP without the path of their API' }),
    url_file: file
      .optional()
      .meta({ description: 'file with it, where the address is a secret, as Slack’s is' }),
    token_file: file
      .optional()
      .meta({ description: 'file with a token that is sent as Authorization: Bearer' }),
    severity: z
      .enum(severities)
      .default('warning')
      .meta({ description: 'from which severity on it is told; critical leaves warnings out' }),
    closed: z.boolean().default(true).meta({ description: 'it is told when a finding ends, too' }),
  })
  .refine(({ url, url_file }) => (url === undefined) !== (url_file === undefined), {
    error: 'needs either url or url_file',
  });

export type TargetConfig = z.output<typeof targetSchema>;
export type TargetKind = (typeof targetKinds)[number];
