/**
 * An endpoint that Prometheus scrapes: what windows tell, added up under labels of workloads. What was
 * scraped is with Prometheus; what was not goes with the process, as with everything that is scraped.
 */

import { isIP } from 'node:net';
import * as z from 'zod';
import { listenAddress } from '../../../lib/schema.ts';
import type { Exporter } from '../exporter.ts';
import { countingShape } from '../metrics/options.ts';

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
    ...countingShape,
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
