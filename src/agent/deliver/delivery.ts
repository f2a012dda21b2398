/**
 * Delivery to all exporters. One that fails costs the others nothing; what it did not take is counted under
 * its name.
 */

import type { Log } from '../../lib/log.ts';
import type { SondeRecord } from '../../model/record.ts';
import type { OpenExporter } from './exporter.ts';

export type Delivery = AsyncDisposable & {
  /** Resolves when every exporter has taken the records or given up on them. */
  deliver(records: readonly SondeRecord[]): Promise<void>;
  /** Records lost so far, by `deliver.EXPORTER`. */
  losses(): Readonly<Record<string, number>>;
};

export function openDelivery(exporters: ReadonlyMap<string, OpenExporter>, log: Log): Delivery {
  const losses: Record<string, number> = {};

  async function deliverTo(
    name: string,
    exporter: OpenExporter,
    records: readonly SondeRecord[],
  ): Promise<void> {
    try {
      await exporter.deliver(records);
    } catch (error) {
      losses[`deliver.${name}`] = (losses[`deliver.${name}`] ?? 0) + records.length;
      log.warn(
        `exporter ${name} did not take ${String(records.length)} records: ${(error as Error).message}`,
      );
    }
  }

  return {
    async deliver(records) {
      if (records.length === 0) return;
      await Promise.all([...exporters].map(([name, exporter]) => deliverTo(name, exporter, records)));
    },
    losses: () => ({ ...losses }),
    async [Symbol.asyncDispose]() {
      for (const [name, exporter] of exporters) {
        try {
          await exporter[Symbol.asyncDispose]();
        } catch (error) {
          log.warn(`exporter ${name} did not close: ${(error as Error).message}`);
        }
      }
    },
  };
}
