/**
 * Hands written blocks to the store, in order, each unchanged and under its own id until the store has it. A
 * store that is away holds them up; they wait in the journal, and only a few of them in memory. Single rows
 * that the store refuses for good hold up nothing, they are set aside; nor does a block that the disk lost.
 */

import type { Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { BlockRefused, type StoreBlock } from '../../model/block.ts';
import { freeBytes } from '../../model/row/binary.ts';
import type { Packing } from '../../model/row/packing.ts';
import type { WrittenBlock } from './blocks.ts';
import type { Journal, JournalBlock, Rows } from './journal.ts';
import { insertParted, partingLimits, type Streaks } from './parting.ts';
import { createRefusedRows, type RefusedStatus } from './refused.ts';
import { DamagedEntry } from './segment.ts';

export const feedingLimits = {
  /** Of waiting blocks that are kept in memory; the rows of others are read back from the journal. */
  keptBytesMax: 32 << 20,
  backOffMsMin: 100,
  backOffMsMax: 2000,
} as const;

export interface FeedingOptions {
  readonly journal: Journal;
  readonly packing: Packing;
  /** Of the journal; rows that are set aside go there too. */
  readonly folder: string;
  /** Rejects with BlockRefused what it will never take. */
  readonly insert: (block: StoreBlock) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a stop waits for the store; what it does not take then waits for the next start. */
  readonly stopMsMax: number;
}

interface Waiting {
  readonly block: JournalBlock;
  readonly rows: Rows | undefined;
  /** Of its rows, where they are kept. */
  readonly keptBytes: number;
  /** Written by this run, so that no store can have met it before. */
  readonly isFresh: boolean;
}

/** The store was not open: the block never reached it. */
function isNotOpen(error: unknown): boolean {
  return isOperatorError(error) && error.code === 'hub.not_ready';
}

export interface Feeding extends AsyncDisposable {
  readonly add: (written: WrittenBlock) => void;
  /** Resolves when the store has all blocks, at once where it has. */
  readonly idle: () => Promise<unknown>;
  /** The store's last answer, when it was an error. */
  problem(): string | undefined;
  refused(): RefusedStatus;
  /** Blocks of the journal that could not be read back: passed over. Since the start. */
  damagedBlocks(): number;
}

/** Says when the store goes away and when it is back: once each. */
function storeTeller(log: Log) {
  let problem: string | undefined;
  let wasTold = false;
  return {
    problem: () => problem,
    succeeded(): void {
      if (wasTold) log.info('the store takes blocks again');
      problem = undefined;
      wasTold = false;
    },
    failed(error: unknown): void {
      problem = (error as Error).message;
      if (error instanceof BlockRefused) {
        problem += `; more than ${partingLimits.refusedRowsMax} rows in a row, so nothing is set aside`;
      }
      // A store that is not open yet is no news: whoever opens it tells.
      if (wasTold || isNotOpen(error)) return;
      log.warn(`the store takes no blocks, they wait in the journal (${problem})`);
      wasTold = true;
    },
  };
}

/** One attempt at a block: what of it can never be stored is named, and is no reason to wait. */
function startHanding({ journal, packing, folder, insert, clock, log }: FeedingOptions) {
  const refusedRows = createRefusedRows(folder, clock);
  let streaks: Streaks = new Map();
  let damagedBlocks = 0;

  async function readBack(block: JournalBlock): Promise<Rows | undefined> {
    try {
      return await journal.read(block);
    } catch (error) {
      if (!(error instanceof DamagedEntry)) throw error;
      damagedBlocks++;
      log.warn(`block ${journal.idOf(block)} is lost and passed over: ${error.message}`);
      return undefined;
    }
  }

  async function handOver(
    block: JournalBlock,
    { rows: kept, fresh }: { readonly rows: Rows | undefined; readonly fresh: boolean },
  ): Promise<void> {
    const rows = kept ?? (await readBack(block));
    if (!rows) return;
    const whole = { id: journal.idOf(block), rows, ...(fresh ? { fresh } : {}) };
    const parted = await insertParted(whole, { insert, packing, streaks });
    await refusedRows.setAside(parted.refused);
    ({ streaks } = parted);
    const [first] = parted.refused;
    if (!first) return;
    const rest = 'set aside in refused.ndjson beside the journal';
    log.warn(`${parted.refused.length} rows of ${whole.id} are ${rest}; the first: ${first.reason}`);
  }

  return { handOver, refused: refusedRows.status, damagedBlocks: () => damagedBlocks };
}

/** Blocks in their order; the first one is being handed over. */
function openQueue(unstored: readonly JournalBlock[]) {
  const waiting: Waiting[] = unstored.map((block) => ({
    block,
    rows: undefined,
    keptBytes: 0,
    isFresh: false,
  }));
  let keptBytes = 0;
  let empty = Promise.withResolvers<undefined>();
  if (waiting.length === 0) empty.resolve(undefined);
  return {
    first: () => waiting[0],
    /** Resolves when there is none. */
    empty: (): Promise<unknown> => empty.promise,
    push({ block, rows }: WrittenBlock): void {
      const bytes = Object.values(rows).reduce((sum, packed) => sum + packed.bytes.length, 0);
      const keeps = keptBytes + bytes <= feedingLimits.keptBytesMax;
      if (keeps) keptBytes += bytes;
      const kept = keeps ? { rows, keptBytes: bytes } : { rows: undefined, keptBytes: 0 };
      if (waiting.length === 0) empty = Promise.withResolvers();
      waiting.push({ block, ...kept, isFresh: true });
    },
    shift(): void {
      const stored = waiting.shift();
      keptBytes -= stored?.keptBytes ?? 0;
      for (const { bytes } of Object.values(stored?.rows ?? {})) freeBytes(bytes);
      if (waiting.length === 0) empty.resolve(undefined);
    },
  };
}

export function startFeeding(options: FeedingOptions): Feeding {
  const { journal, clock, log, stopMsMax } = options;
  const queue = openQueue(journal.unstored);
  const stop = new AbortController();
  const teller = storeTeller(log);
  const handing = startHanding(options);
  let isClosing = false;
  let wake = Promise.withResolvers<undefined>();

  /** False when the stop came first. */
  async function pause(durationMs: number): Promise<boolean> {
    return clock.sleep(durationMs, stop.signal).then(
      () => true,
      () => false,
    );
  }

  async function store({ block, rows, isFresh }: Waiting): Promise<boolean> {
    let backOffMs: number = feedingLimits.backOffMsMin;
    let fresh = isFresh;
    while (!stop.signal.aborted) {
      try {
        await handing.handOver(block, { rows, fresh });
        await journal.stored(block);
        teller.succeeded();
        return true;
      } catch (error) {
        fresh &&= isNotOpen(error);
        teller.failed(error);
      }
      if (!(await pause(backOffMs))) return false;
      backOffMs = Math.min(2 * backOffMs, feedingLimits.backOffMsMax);
    }
    return false;
  }

  async function run(): Promise<void> {
    for (;;) {
      const next = queue.first();
      if (next) {
        if (!(await store(next))) return;
        queue.shift();
      } else if (isClosing) return;
      else await wake.promise;
      wake = Promise.withResolvers();
    }
  }

  const running = run();
  return {
    add(written) {
      queue.push(written);
      wake.resolve(undefined);
    },
    idle: queue.empty,
    problem: teller.problem,
    refused: handing.refused,
    damagedBlocks: handing.damagedBlocks,
    [Symbol.asyncDispose]: async () => {
      isClosing = true;
      wake.resolve(undefined);
      // An insert that hangs is left behind: the store is closed next, and that ends it.
      await Promise.race([running, pause(stopMsMax)]);
      stop.abort();
    },
  };
}
