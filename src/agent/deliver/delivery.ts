/**
 * Delivery to all exporters. One that fails costs the others nothing; what it did not take is counted under
 * its name.
 */

import type { Log } from '../../lib/log.ts';
import type { SondeRecord, WindowRecord } from '../../model/record.ts';
import type { OpenExporter } from './exporter.ts';

/** A closed window, whole, and what the next agent needs to go on behind it (JSON). */
export interface WindowCommit {
  readonly records: readonly SondeRecord[];
  readonly closing: WindowRecord;
  readonly state: unknown;
}

/** The newest committed window of this boot. */
export interface Resumed {
  readonly number: number;
  readonly bootId: string;
  readonly state: unknown;
}

export type Delivery = AsyncDisposable & {
  /** Resolves when the window is safe: the kernel may forget it. */
  commit(window: WindowCommit): Promise<void>;
  resumed(): Resumed | undefined;
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

  async function deliver(records: readonly SondeRecord[]): Promise<void> {
    if (records.length === 0) return;
    await Promise.all([...exporters].map(([name, exporter]) => deliverTo(name, exporter, records)));
  }

  return {
    deliver,
    commit: ({ records, closing }) => deliver([...records, closing]),
    resumed: () => undefined, // an exporter does not say what it has taken
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
