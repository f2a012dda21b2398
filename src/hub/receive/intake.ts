/**
 * The receiving side joined: requests → blocks → journal, and from there to the store. Every record of a
 * request that is answered with success is stored, a duplicate, or rejected by name.
 */

import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { formatBytes } from '../../lib/units.ts';
import type { StoreBlock } from '../../model/block.ts';
import type { Packing } from '../../model/row/packing.ts';
import { openBatching } from './batch.ts';
import { blockLimits, BlockWriter, type BlockLimits, type WrittenBlock } from './blocks.ts';
import { startFeeding } from './feeding.ts';
import { Journal } from './journal.ts';
import type { RefusedStatus } from './refused.ts';
import { busy } from './busy.ts';
import { openClocks } from './clocks.ts';
import { createReceiver, type IntakeRequest, type Receipt, type ReceiverLimits } from './receiver.ts';
import { rowMaker } from '../../model/row/rows.ts';
import { createTally, type TallyStatus } from './tally.ts';

export interface IntakeLimits extends ReceiverLimits {
  /** What may wait in the journal for the store. Beyond that nothing is taken. */
  readonly journalBytesMax: number;
  /** How long a stop waits for the store. */
  readonly stopMsMax: number;
  readonly blocks?: BlockLimits;
}

export interface IntakeOptions {
  readonly folder: string;
  readonly packing: Packing;
  /** Rejects while the store is away. Called again with the same block until it resolves. */
  readonly insert: (block: StoreBlock) => Promise<void>;
  /** Told of rows once they are acknowledged; must neither wait nor throw. */
  readonly onTaken?: (rows: StoreBlock['rows']) => void;
  readonly limits: IntakeLimits;
  readonly clock: Clock;
  readonly log: Log;
}

export interface IntakeStatus extends TallyStatus {
  readonly journal: {
    readonly pendingBlocks: number;
    readonly pendingBytes: number;
    readonly maxBytes: number;
    /** Why the store takes nothing; null when it does. */
    readonly storeProblem: string | null;
    /** Acknowledged, and lost on the disk. */
    readonly damagedBlocks: number;
  };
  /** Acknowledged, and refused by the store for good: they are in refused.ndjson beside the journal. */
  readonly refusedByStore: RefusedStatus;
  readonly ledger: { readonly sources: number; readonly forgotten: number };
}

export interface Intake extends AsyncDisposable {
  /** Throws OperatorError: request.* for what the sender must mend, hub.* for what it shall send again. */
  take(request: IntakeRequest): Promise<Receipt>;
  status(): IntakeStatus;
}

/** Throws hub.already_running and hub.journal_broken. */
export async function openIntake(options: IntakeOptions): Promise<Intake> {
  const { packing, limits, clock, log } = options;
  await using opening = new AsyncDisposableStack();
  const journal = opening.use(await Journal.open({ folder: options.folder, packing, log }));
  const feeding = opening.use(startFeeding({ ...options, journal, stopMsMax: limits.stopMsMax }));
  const { blocks = blockLimits } = limits;
  const onWritten = (written: WrittenBlock): void => {
    feeding.add(written);
    options.onTaken?.(written.rows);
  };
  const writer = opening.use(
    new BlockWriter({ journal, packing, clock, limits: blocks, storeIdle: feeding.idle, onWritten }),
  );
  const batching = openBatching(packing, blocks.bytesMax);
  const tally = createTally();
  const clocks = openClocks(options.folder, log);
  const makeRow = rowMaker(packing.tables);
  const receive = createReceiver({ writer, batching, makeRow, clocks, tally, limits, clock });

  async function take(request: IntakeRequest): Promise<Receipt> {
    try {
      if (journal.pendingBytes >= limits.journalBytesMax) {
        throw busy(`${formatBytes(journal.pendingBytes)} wait in the journal for the store`);
      }
      const receipt = await receive(request);
      tally.request('taken');
      return receipt;
    } catch (error) {
      const isSenders = error instanceof OperatorError && error.code.startsWith('request.');
      tally.request(isSenders ? 'malformed' : 'refused');
      if (isSenders) {
        const at = new Date(clock.wallMs()).toISOString();
        tally.malformed({ at, reason: 'malformed', message: error.message });
      }
      throw error;
    }
  }

  const parts = opening.move();
  return {
    take,
    status: () => ({
      ...tally.status(),
      journal: {
        pendingBlocks: journal.pendingBlocks,
        pendingBytes: journal.pendingBytes,
        maxBytes: limits.journalBytesMax,
        storeProblem: feeding.problem() ?? null,
        damagedBlocks: journal.damagedBlocks + feeding.damagedBlocks(),
      },
      refusedByStore: feeding.refused(),
      ledger: { sources: journal.ledger.sources(), forgotten: journal.ledger.forgotten() },
    }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
