/** One request on its way: inflate → decode → rows → block. Answers when what it brought is safe on disk. */

import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { Batching } from './batch.ts';
import type { BlockWriter } from './blocks.ts';
import { busy } from './busy.ts';
import type { Clocks } from './clocks.ts';
import { createGate } from './gate.ts';
import { inflate, release } from './inflate.ts';
import { decodeJson } from './json.ts';
import { MalformedLogs } from './logs.ts';
import type { LogRecord } from '../../model/row/record.ts';
import { decodeProtobuf } from './protobuf.ts';
import { Rejection } from '../../model/row/rejection.ts';
import { describeAll, describeRejected, sortRecords, type MakeRow, type Rejected } from './sorting.ts';
import { openHeard, type Heard, type Tally } from './tally.ts';

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
  readonly batching: Batching;
  readonly makeRow: MakeRow;
  readonly clocks: Clocks;
  readonly tally: Tally;
  readonly limits: ReceiverLimits;
  readonly clock: Clock;
}

/** What is told of a request once it is safe. */
interface Admitted {
  readonly safe: Promise<void>;
  readonly at: string;
  readonly nodes: readonly Heard[];
  readonly rejected: readonly Rejected[];
  readonly stored: number;
  readonly duplicates: number;
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
  const { writer, batching, makeRow, clocks, tally, limits, clock } = options;
  const gate = createGate(inflatingMax);
  let heldBytes = 0;

  /** Into a block. Of the records themselves nothing is held after that. */
  function admit(records: readonly LogRecord[]): Admitted {
    const nowMs = clock.wallMs();
    const at = new Date(nowMs).toISOString();
    clocks.look(records, nowMs);
    const momentOf = (record: LogRecord) => ({ nowMs, clock: clocks.of(record) });
    batching.begin();
    const { good, bad } = sortRecords(records, { makeRow, momentOf, pack: (row) => batching.add(row) });
    const batch = batching.batch();
    const { fates, safe } = writer.admit(batch);
    const rejected: Rejected[] = [...bad];
    const heard = openHeard();
    good.forEach((record, index) => {
      if (fates[index] === 'new') heard.add(record, clocks.of(record));
      else if (fates[index] === 'beyond') {
        const message = `record ${batch.rows[index]?.sequence} is older than what is remembered of its agent`;
        rejected.push({ eventName: record.eventName, error: new Rejection('horizon', message) });
      }
    });
    const stored = heard.records();
    const duplicates = records.length - stored - rejected.length;
    return { safe, at, nodes: heard.nodes, rejected, stored, duplicates };
  }

  function tell({ at, nodes, rejected, stored, duplicates }: Admitted): Receipt {
    for (const node of nodes) tally.stored(node, at);
    tally.duplicates(duplicates);
    for (const each of rejected) {
      const message = describeRejected(each);
      tally.rejected(each.eventName, { at, reason: each.error.reason, message });
    }
    return { stored, duplicates, rejected: rejected.length, message: describeAll(rejected) };
  }

  /** Books what it inflates; `heldBytes` goes down again when the request is done. */
  function read({ body, encoding, compression }: IntakeRequest) {
    return gate(async () => {
      const bytes = await inflate(body, { encoding: compression, bytesMax: limits.inflatedBytesMax });
      if (heldBytes > 0 && heldBytes + bytes.length > limits.heldBytesMax) {
        throw busy(`${formatBytes(heldBytes)} are on their way to the journal`);
      }
      const { length } = bytes;
      const admitted = admit(decode(bytes, encoding));
      if (bytes !== body) release(bytes);
      heldBytes += length;
      return { admitted, bytes: length };
    });
  }

  return async (request) => {
    const { admitted, bytes } = await read(request);
    try {
      await admitted.safe;
      return tell(admitted);
    } finally {
      heldBytes -= bytes;
    }
  };
}
