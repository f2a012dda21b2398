/** Records to a hub, as an agent's exporter sends them; the hub says what it had already, and what it refuses. */

import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { encodeRequest } from '../../../agent/deliver/otlp/logs.ts';
import type { Clock } from '../../../lib/clock.ts';
import { OperatorError } from '../../../lib/errors.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { cellLimits } from '../../../model/row/cells.ts';
import type { HubOptions } from '../../hub-client.ts';
import { postLogs } from '../../hub-logs.ts';

export const sendLimits = {
  recordsMax: 5000,
  /** Requests under way: packing, the way there and the hub's disk need not wait for each other. */
  requestsMax: 4,
  /** How long a hub that is busy is waited for, in all of one request. */
  waitMsMax: 300_000,
  waitMsMin: 1000,
} as const;

/** Every record is in exactly one of the first four. */
export interface Sent {
  taken: number;
  /** The hub had them. */
  duplicates: number;
  rejected: number;
  /** Not sent: the hub takes nothing of that time. */
  outside: number;
  /** Why the first was refused; empty where none was. */
  message: string;
}

export function nothingSent(): Sent {
  return { taken: 0, duplicates: 0, rejected: 0, outside: 0, message: '' };
}

function startOf(record: NumberedRecord): number {
  return Date.parse('window.start' in record ? record['window.start'] : record.time);
}

/** What it takes by its own clock. A minute less: ours may be another. */
function isTaken(record: NumberedRecord, nowMs: number): boolean {
  const [startMs, endMs] = [startOf(record), Date.parse(record.time)];
  return startMs >= nowMs - cellLimits.pastMsMax + 60_000 && endMs <= nowMs + cellLimits.futureMsMax - 60_000;
}

export interface Sender {
  /** Resolves when there is room for more. Throws hub.* of any before; what was sent may be sent again. */
  send(records: readonly NumberedRecord[]): Promise<void>;
  /** Resolves when the hub has all of them on disk. */
  end(): Promise<void>;
  readonly sent: Readonly<Sent>;
}

export function newSender(hub: HubOptions, clock: Clock): Sender {
  const sent = nothingSent();
  const pack = promisify<Uint8Array, object, Buffer<ArrayBuffer>>(gzip);

  async function post(records: readonly NumberedRecord[]): Promise<void> {
    const body = encodeRequest(records, {
      protocol: 'http/protobuf',
      names: 'canonical',
      observedMs: clock.wallMs(),
    });
    const packed = await pack(body, { level: constants.Z_BEST_SPEED });
    for (let waitedMs = 0; ;) {
      const answer = await postLogs(packed, hub);
      if (answer.is === 'taken') {
        const { duplicates, rejected, message } = answer;
        sent.duplicates += duplicates;
        sent.rejected += rejected;
        sent.taken += records.length - duplicates - rejected;
        if (sent.message === '') sent.message = message;
        return;
      }
      if (answer.is === 'too_large' && records.length > 1) {
        const half = Math.ceil(records.length / 2);
        await post(records.slice(0, half));
        return post(records.slice(half));
      }
      if (answer.is === 'too_large' || waitedMs >= sendLimits.waitMsMax) throw answer.error;
      const waitMs = Math.max(answer.afterMs, sendLimits.waitMsMin);
      await clock.sleep(waitMs, hub.signal);
      waitedMs += waitMs;
    }
  }

  const underway = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;

  function begin(records: readonly NumberedRecord[]): void {
    const posting: Promise<void> = post(records)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => underway.delete(posting));
    underway.add(posting);
  }

  /** Until so few are under way. */
  async function room(most: number): Promise<void> {
    while (underway.size > most) await Promise.race(underway);
    if (failed) throw failed.error;
  }

  return {
    sent,
    end: () => room(0),
    async send(records) {
      const nowMs = clock.wallMs();
      const fitting = records.filter((record) => isTaken(record, nowMs));
      sent.outside += records.length - fitting.length;
      for (let at = 0; at < fitting.length; at += sendLimits.recordsMax) {
        await room(sendLimits.requestsMax - 1);
        begin(fitting.slice(at, at + sendLimits.recordsMax));
      }
    },
  };
}

/** Throws import.too_old and import.future for a log of which nothing could be taken. */
export function checkTimes(
  { file, firstMs, lastMs }: { readonly file: string; readonly firstMs: number; readonly lastMs: number },
  nowMs: number,
): void {
  const last = new Date(lastMs).toISOString();
  if (lastMs < nowMs - cellLimits.pastMsMax) {
    throw new OperatorError('import.too_old', {
      file,
      last,
      past: `${cellLimits.pastMsMax / 86_400_000} days`,
    });
  }
  if (firstMs > nowMs + cellLimits.futureMsMax) throw new OperatorError('import.future', { file, last });
}
