/**
 * Hands written blocks to the store, in order, each unchanged and under its own id until the store has it. A
 * store that is away holds them up; they wait in the journal, and only a few of them in memory.
 */

import type { Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { StoreBlock } from '../../model/block.ts';
import type { WrittenBlock } from './blocks.ts';
import type { Journal, JournalBlock, Rows } from './journal.ts';

export const feedingLimits = {
  /** Rows of waiting blocks that are kept in memory; those of others are read back from the journal. */
  keptRowsMax: 40_000,
  backOffMsMin: 100,
  backOffMsMax: 2000,
} as const;

export interface FeedingOptions {
  readonly journal: Journal;
  readonly insert: (block: StoreBlock) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a stop waits for the store; what it does not take then waits for the next start. */
  readonly stopMsMax: number;
}

interface Waiting {
  readonly block: JournalBlock;
  readonly rows: Rows | undefined;
  readonly rowCount: number;
  /** Made by this process: only the journal's own may have met the store before. */
  readonly fresh: boolean;
}

export interface Feeding extends AsyncDisposable {
  readonly add: (written: WrittenBlock) => void;
  /** The store's last answer, when it was an error. */
  problem(): string | undefined;
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
      // A store that is not open yet is no news: whoever opens it tells.
      const isNews = !(isOperatorError(error) && error.code === 'hub.not_ready');
      if (wasTold || !isNews) return;
      log.warn(`the store takes no blocks, they wait in the journal (${problem})`);
      wasTold = true;
    },
  };
}

export function startFeeding({ journal, insert, clock, log, stopMsMax }: FeedingOptions): Feeding {
  const queue: Waiting[] = journal.unstored.map((block) => ({
    block,
    rows: undefined,
    rowCount: 0,
    fresh: false,
  }));
  const stop = new AbortController();
  const teller = storeTeller(log);
  let keptRows = 0;
  let isClosing = false;
  let wake = Promise.withResolvers<undefined>();

  /** False when the stop came first. */
  async function pause(durationMs: number): Promise<boolean> {
    return clock.sleep(durationMs, stop.signal).then(
      () => true,
      () => false,
    );
  }

  async function store({ block, rows, fresh }: Waiting): Promise<boolean> {
    let backOffMs: number = feedingLimits.backOffMsMin;
    while (!stop.signal.aborted) {
      try {
        const news = fresh ? { fresh } : {};
        await insert({ id: journal.idOf(block), rows: rows ?? (await journal.read(block)), ...news });
        await journal.stored(block);
        teller.succeeded();
        return true;
      } catch (error) {
        teller.failed(error);
      }
      if (!(await pause(backOffMs))) return false;
      backOffMs = Math.min(2 * backOffMs, feedingLimits.backOffMsMax);
    }
    return false;
  }

  async function run(): Promise<void> {
    for (;;) {
      const [next] = queue;
      if (next) {
        if (!(await store(next))) return;
        queue.shift();
        if (next.rows) keptRows -= next.rowCount;
      } else if (isClosing) return;
      else await wake.promise;
      wake = Promise.withResolvers();
    }
  }

  const running = run();
  return {
    add({ block, rows, rowCount }) {
      const keeps = keptRows + rowCount <= feedingLimits.keptRowsMax;
      if (keeps) keptRows += rowCount;
      queue.push({ block, rows: keeps ? rows : undefined, rowCount, fresh: true });
      wake.resolve(undefined);
    },
    problem: teller.problem,
    [Symbol.asyncDispose]: async () => {
      isClosing = true;
      wake.resolve(undefined);
      // An insert that hangs is left behind: the store is closed next, and that ends it.
      await Promise.race([running, pause(stopMsMax)]);
      stop.abort();
    },
  };
}
