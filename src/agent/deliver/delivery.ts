/**
 * Delivery: what the agent hands over goes into the spool, and from there to every exporter at its own pace.
 *
 * The agent waits for the disk, never for a receiver. What the disk does not take of a window is tried again
 * for as long as the agent likes, and the kernel counts on; single events are counted as lost.
 */

import { join } from 'node:path';
import { OperatorError } from '../../lib/errors.ts';
import { entropySeed, prng } from '../../lib/prng.ts';
import type { ConnectionRecord, RowRecord, WindowRecord } from '../../model/record.ts';
import { Courier, type CourierStatus } from './courier.ts';
import { openExporters, type ExporterContext, type OpenExporter } from './exporter.ts';
import type { Resumed } from './spool/recover.ts';
import { Spool } from './spool/spool.ts';

export type { Resumed };

/** A closed window, whole, and what the next agent needs to go on behind it (JSON). */
export interface WindowCommit {
  readonly records: readonly RowRecord[];
  readonly closing: WindowRecord;
  readonly state: unknown;
}

export type Delivery = AsyncDisposable & {
  /** Single events. Resolves when they survive kill -9, or are counted as lost. Never rejects. */
  deliver(records: readonly ConnectionRecord[]): Promise<void>;
  /**
   * A window, as a whole. Resolves when it is on the disk. When that does not take it, `again` is asked,
   * which waits as long as it likes; without a yes it is counted as lost. Never rejects.
   */
  commit(window: WindowCommit, again?: () => Promise<boolean>): Promise<void>;
  /** The newest window of this boot and instance that was committed, by this run or the ones before. */
  resumed(): Resumed | undefined;
  /** Records lost so far, by `deliver.EXPORTER.REASON`; `deliver.spool.write_failed` is lost to all. */
  losses(): Readonly<Record<string, number>>;
  /** How far behind each exporter is. */
  status(): Readonly<Record<string, CourierStatus>>;
};

/** The parts of the configuration that are about delivery. */
export interface DeliveryConfig {
  readonly exporters: Readonly<Record<string, unknown>>;
  readonly spool: {
    readonly max_size: number;
    /** How long the end waits for what is not delivered yet. */
    readonly drain: number;
  };
}

export interface DeliveryParts extends ExporterContext {
  /** The state folder of this instance. */
  readonly folder: string;
  readonly bootId: string;
}

/** An agent that only somebody watches: nothing is kept. */
function nowhere(): Delivery {
  return {
    deliver: () => Promise.resolve(),
    commit: () => Promise.resolve(),
    resumed: () => undefined,
    losses: () => ({}),
    status: () => ({}),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openSpool(
  exporters: ReadonlyMap<string, OpenExporter>,
  bytesMax: number,
  { folder: state, bootId, clock, log }: DeliveryParts,
): Promise<Spool> {
  const folder = join(state, 'spool');
  try {
    const spool = await Spool.open({ folder, bootId, bytesMax, readers: [...exporters.keys()], clock });
    for (const name of spool.astray)
      log.warn(`spool: how far exporter ${name} came cannot be read: it begins again with the oldest record`);
    if (spool.cutBytes > 0) log.info(`spool: a torn end of ${String(spool.cutBytes)} bytes was cut`);
    return spool;
  } catch (error) {
    for (const exporter of exporters.values()) await exporter[Symbol.asyncDispose]();
    throw new OperatorError('spool.unusable', { folder, reason: (error as Error).message }, { cause: error });
  }
}

function lossesOf(couriers: ReadonlyMap<string, Courier>, writeFailed: number): Record<string, number> {
  const all: [string, number][] = [['deliver.spool.write_failed', writeFailed]];
  for (const [name, courier] of couriers) {
    for (const [reason, count] of Object.entries(courier.losses())) {
      all.push([`deliver.${name}.${reason}`, count]);
    }
  }
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

/** Opens exporters and spool and starts to deliver what is in it. Throws config.exporter, spool.unusable. */
export async function openDelivery(config: DeliveryConfig, parts: DeliveryParts): Promise<Delivery> {
  return startDelivery(await openExporters(config.exporters, parts), config.spool, parts);
}

/** The same with exporters that are open already; it closes them. */
export async function startDelivery(
  exporters: ReadonlyMap<string, OpenExporter>,
  { max_size: bytesMax, drain: drainMs }: DeliveryConfig['spool'],
  parts: DeliveryParts,
): Promise<Delivery> {
  if (exporters.size === 0) return nowhere();
  const { clock, log } = parts;
  const spool = await openSpool(exporters, bytesMax, parts);
  const random = prng(entropySeed());
  const couriers = new Map<string, Courier>();
  for (const [name, exporter] of exporters)
    couriers.set(name, new Courier({ name, exporter, spool, clock, random, log }));
  let writeFailed = 0;
  let failing = false;

  /** Whether it is on the disk. */
  async function write(append: () => Promise<void>): Promise<boolean> {
    try {
      await append();
      if (failing) log.info('spool: records are written again');
      failing = false;
    } catch (error) {
      const consequence = 'windows wait and single events are lost until it can be written';
      if (!failing) log.warn(`spool: ${(error as Error).message}; ${consequence}`);
      failing = true;
    }
    return !failing;
  }

  return {
    async deliver(records) {
      if (records.length > 0 && !(await write(() => spool.append(records)))) writeFailed += records.length;
    },
    async commit({ records, closing, state }, again = () => Promise.resolve(false)) {
      const resume = { number: closing['window.number'], bootId: closing['boot.id'], state };
      while (!(await write(() => spool.commit(records, closing, resume))))
        if (!(await again())) {
          writeFailed += records.length + 1;
          return;
        }
    },
    resumed: () => spool.resumed,
    losses: () => lossesOf(couriers, writeFailed),
    status: () => Object.fromEntries([...couriers].map(([name, courier]) => [name, courier.status()])),
    async [Symbol.asyncDispose]() {
      await Promise.all([...couriers.values()].map((courier) => courier.stop(drainMs)));
      await spool[Symbol.asyncDispose]();
    },
  };
}
