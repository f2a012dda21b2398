/** How rows become series: options that all exporters of metrics have. */

import * as z from 'zod';
import { duration } from '../../../lib/schema.ts';
import type { CountingOptions } from './counting.ts';
import { defaultLabelFields, labelFields } from './labels.ts';

export const countingShape = {
  labels: z
    .array(z.enum(labelFields))
    .max(labelFields.length)
    .default([...defaultLabelFields])
    .meta({
      description:
        'fields that become labels of series ([which](../operating/prometheus.md#labels)); fewer labels, fewer series',
    }),
  ports: z.array(z.int().min(1).max(65_535)).max(1000).default([]).meta({
    description: 'ports to show besides those that a service is known for; all others are `other`',
  }),
  dns_names: z.boolean().default(false).meta({
    description: 'destination.name also where it is from DNS, not only from your networks or the cluster',
  }),
  series_max: z
    .int()
    .min(500)
    .max(1_000_000)
    .default(10_000)
    .meta({ description: 'series of rows; beyond it what is new goes to one overflow series per metric' }),
  idle: duration({ min: '1m', max: '7d', default: '1h' }).meta({
    description: 'series of which no window told for so long go',
  }),
} as const;

export type CountingConfig = z.output<z.ZodObject<typeof countingShape>>;

export function countingOptions(config: CountingConfig): CountingOptions {
  return {
    fields: config.labels,
    ports: new Set(config.ports),
    dnsNames: config.dns_names,
    seriesMax: config.series_max,
    idleMs: config.idle,
  };
}
