/** hub.yaml's `detect`: which findings nobody wants to hear of, and how many a day are told. */

import * as z from 'zod';
import { duration } from '../../lib/schema.ts';
import { zoneName } from '../../lib/zone.ts';
import { targetSchema } from './deliver/config.ts';

const day = z
  .string()
  .refine((text) => /^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text)), {
    error: 'must be a day such as 2027-03-31, or a time with its offset',
  })
  .transform((text) => Date.parse(text));

const mute = z.strictObject({
  question: z.string().min(1).meta({ description: 'its id; * for all' }),
  labels: z.record(z.string(), z.string()).default({}).meta({
    description: 'patterns that labels must match, such as process.name: backup*; all without them',
  }),
  until: day.meta({ description: 'from this day on (UTC) it is heard of again' }),
  reason: z.string().min(3).max(200).meta({ description: 'said wherever the finding is shown' }),
});

export const detectSchema = z.strictObject({
  enabled: z.boolean().default(true).meta({ description: 'false: this hub runs no detectors' }),
  zone: z
    .string()
    .refine((text) => zoneName(text) !== undefined, 'must be a time zone such as Europe/Berlin')
    .default('UTC')
    .meta({
      description: 'whose hours and days are compared, with its daylight saving; of all hubs the same',
    }),
  history: duration({ min: '0s', max: '400d', default: '0s' }).meta({
    description: 'so far back detectors look when they first run, if that is more than they do by themselves',
  }),
  findings_per_day: z.int().min(1).max(10_000).default(20).meta({
    description: 'findings told per day (UTC); those beyond are kept and counted, and not delivered',
  }),
  deliver: z
    .array(targetSchema)
    .max(32)
    .refine((targets) => new Set(targets.map(({ name }) => name)).size === targets.length, 'has a name twice')
    .default([])
    .meta({ description: 'who is told of findings; nobody without it' }),
  mute: z.array(mute).max(1000).default([]).meta({ description: 'findings that are kept and not delivered' }),
});

export type DetectConfig = z.output<typeof detectSchema>;
export type Mute = z.output<typeof mute>;
