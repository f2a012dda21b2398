/** One request on its way: inflate → decode → rows → block. Answers when what it brought is safe on disk. */

import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { BlockWriter } from './blocks.ts';
import { busy } from './busy.ts';
import type { Clocks } from './clocks.ts';
import { createGate } from './gate.ts';
import { inflate } from './inflate.ts';
import { decodeJson } from './json.ts';
import { MalformedLogs } from './logs.ts';
import type { LogRecord } from '../../model/row/record.ts';
import { decodeProtobuf } from './protobuf.ts';
import { Rejection } from '../../model/row/rejection.ts';
import { describeAll, describeRejected, sortRecords, type MakeRow, type Rejected } from './sorting.ts';
import type { Tally } from './tally.ts';

export interface IntakeRequest {
  readonly body: Buffer;
  readonly encoding: 'protobuf' | 'json';
  /** The Content-Encoding header. */
  readonly compression: string | undefined;
}

/** What became of one request. Every record of it is in exactly one of the three counts. */
export interface Receipt {
  readonly stored: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly message: string;
}

export interface ReceiverLimits {
  /** One request, inflated. */
  readonly inflatedBytesMax: number;
  /** Requests, inflated, that are not acknowledged yet. */
  readonly heldBytesMax: number;
}

export interface ReceiverOptions {
  readonly writer: Pick<BlockWriter, 'admit'>;
  readonly makeRow: MakeRow;
  readonly clocks: Clocks;
  readonly tally: Tally;
  readonly limits: ReceiverLimits;
  readonly clock: Clock;
}

/** A request is inflated into memory: not all of them at once. */
const inflatingMax = 4;

function decode(bytes: Buffer, encoding: IntakeRequest['encoding']): LogRecord[] {
  try {
    return encoding === 'json' ? decodeJson(bytes) : decodeProtobuf(bytes);
  } catch (error) {
    if (!(error instanceof MalformedLogs)) throw error;
    throw new OperatorError('request.malformed', { reason: error.message }, { cause: error });
  }
}

/** Throws OperatorError: request.* for what the sender must mend, hub.* for what it shall send again. */
export function createReceiver(options: ReceiverOptions): (request: IntakeRequest) => Promise<Receipt> {
  const { writer, makeRow, clocks, tally, limits, clock } = options;
  const gate = createGate(inflatingMax);
  let heldBytes = 0;

  async function store(records: readonly LogRecord[]): Promise<Receipt> {
    const nowMs = clock.wallMs();
    const at = new Date(nowMs).toISOString();
    clocks.look(records, nowMs);
    const momentOf = (record: LogRecord) => ({ nowMs, clock: clocks.of(record) });
    const { good, bad } = sortRecords(records, { makeRow, momentOf });
    const { fates, safe } = writer.admit(good.map(({ row }) => row));
    await safe;
    const rejected: Rejected[] = [...bad];
    let stored = 0;
    good.forEach(({ record, row: { identity } }, index) => {
      if (fates[index] === 'new') {
        stored++;
        tally.stored(record, identity, { at, clock: clocks.of(record) });
      } else if (fates[index] === 'duplicate') {
        tally.duplicate();
      } else {
        const message = `record ${identity.sequence} is older than what is remembered of its agent`;
        rejected.push({ record, error: new Rejection('horizon', message) });
      }
    });
    for (const each of rejected) {
      tally.rejected(each.record, { at, reason: each.error.reason, message: describeRejected(each) });
    }
    return {
      stored,
      duplicates: records.length - stored - rejected.length,
      rejected: rejected.length,
      message: describeAll(rejected),
    };
  }

  /** Books what it inflates; `heldBytes` goes down again when the request is done. */
  function read({ body, encoding, compression }: IntakeRequest) {
    return gate(async () => {
      const bytes = await inflate(body, { encoding: compression, bytesMax: limits.inflatedBytesMax });
      if (heldBytes > 0 && heldBytes + bytes.length > limits.heldBytesMax) {
        throw busy(`${formatBytes(heldBytes)} are on their way to the journal`);
      }
      const records = decode(bytes, encoding);
      heldBytes += bytes.length;
      return { records, bytes: bytes.length };
    });
  }

  return async (request) => {
    const { records, bytes } = await read(request);
    try {
      return await store(records);
    } finally {
      heldBytes -= bytes;
    }
  };
}
