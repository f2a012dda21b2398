/** The endpoint: records in, text out, and a listener between it and whoever asks. */

import type { AddressInfo } from 'node:net';
import type { ExporterContext, OpenExporter } from '../exporter.ts';
import { newCounting } from '../metrics/counting.ts';
import { countingOptions, type CountingConfig } from '../metrics/options.ts';
import { selfMetrics } from '../metrics/self.ts';
import { alive, ready } from './health.ts';
import { openListener } from './http.ts';
import { exposition } from './text.ts';

export type EndpointOptions = CountingConfig & {
  readonly listen: { readonly host: string; readonly port: number };
};

export type Endpoint = OpenExporter & {
  /** Where it listens: with port 0 the system chooses one. */
  readonly port: number;
};

/** Rejects where it cannot listen. */
export async function openEndpoint(
  options: EndpointOptions,
  { clock, log, vitals = () => undefined }: ExporterContext,
): Promise<Endpoint> {
  const counting = newCounting(countingOptions(options), clock);
  const server = await openListener(options.listen, {
    metrics: (format) =>
      exposition({ tables: counting.tables, live: selfMetrics(counting, vitals()) }, format),
    alive: () => alive(vitals()),
    ready: () => ready(vitals()),
  });
  server.on('error', (error) => {
    log.warn(`exporter prometheus: ${error.message}`); // no file left to accept with
  });
  const { port, address } = server.address() as AddressInfo;
  log.info(
    `exporter prometheus listens on ${address.includes(':') ? `[${address}]` : address}:${String(port)}`,
  );
  return {
    port,
    deliver(records) {
      for (const record of records) counting.add(record);
      return Promise.resolve({ settled: records.length });
    },
    [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeAllConnections();
      return closed;
    },
  };
}
