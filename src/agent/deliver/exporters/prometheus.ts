/**
 * An endpoint that Prometheus scrapes: what windows tell, added up under labels of workloads. What was
 * scraped is with Prometheus; what was not goes with the process, as with everything that is scraped.
 */

import { isIP } from 'node:net';
import * as z from 'zod';
import { duration, listenAddress } from '../../../lib/schema.ts';
import type { Exporter } from '../exporter.ts';
import { defaultLabelFields, labelFields } from '../prometheus/labels.ts';

const listen = listenAddress({
  default: '127.0.0.1:9464',
  problem: (host) =>
    isIP(host) === 0 ? `${host} is not an IP address; write [::1]:9464 for IPv6` : undefined,
});

const schema = z
  .strictObject({
    listen: listen.meta({
      description: 'address and port of /metrics, /healthz and /readyz; whoever reaches it may read it',
      pattern: String.raw`^(\[[^\]]+\]|[^:]+):\d{1,5}$`,
    }),
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
  })
  .meta({ description: 'metrics for Prometheus to scrape, and health checks' });

export const exporter: Exporter<typeof schema> = {
  name: 'prometheus',
  summary: 'metrics for Prometheus to scrape, and health checks',
  schema,
  async open(options, context) {
    const { openEndpoint } = await import('../prometheus/endpoint.ts'); // for agents that have one
    return openEndpoint(options, context);
  },
};
