/**
 * The way from the spool to one exporter: reads what is next, gives it to the exporter, tries again what may
 * yet succeed, counts what will not, and only then moves the exporter's cursor.
 *
 * Owns one loop, which the agent's tick never waits for. Holds one batch. An exporter that never answers
 * holds up nobody but itself.
 */

import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Prng } from '../../lib/prng.ts';
import { RetryLater, type OpenExporter, type Receipt } from './exporter.ts';
import type { Batch } from './spool/reader.ts';
import type { Spool } from './spool/spool.ts';
import { wordsOf } from './tls.ts';

export const courierLimits = {
  /** Back-off: the first pause, and the longest. Half of each is left to chance, so that a fleet spreads out. */
  pauseMs: 100,
  pauseMsMax: 30_000,
  /** No receiver can send us away for longer. */
  retryAfterMsMax: 600_000,
  /** What an exporter may take to close once everything is over. */
  closeMsMax: 1000,
} as const;

/** The pause before try number `attempt`, counted from 0; not shorter than the receiver asked for. */
export function pauseMs(attempt: number, random: Prng, retryAfterMs = 0): number {
  const most = Math.min(courierLimits.pauseMsMax, courierLimits.pauseMs * 2 ** Math.min(attempt, 20));
  const asked = Math.min(retryAfterMs, courierLimits.retryAfterMsMax);
  return Math.max(most * (0.5 + random.unit() / 2), asked + random.unit() * courierLimits.pauseMs);
}

export interface CourierParts {
  readonly name: string;
  readonly exporter: OpenExporter;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly random: Prng;
  readonly log: Log;
}

export interface CourierStatus {
  readonly behindRecords: number;
  readonly behindBytes: number;
  /** Why nothing goes at the moment; null when all is well. */
  readonly lastError: string | null;
  readonly lastDeliveredAt: string | null;
  /** Since the start; bytes as they were sent or written. */
  readonly deliveredRecords: number;
  readonly deliveredBytes: number;
}

export class Courier {
  readonly #parts: CourierParts;
  readonly #refused: Record<string, number> = {};
  /** Aborted at stop: from then on nobody waits for new records, and what waits for its turn tries at once. */
  readonly #draining = new AbortController();
  /** Aborted when the time to drain is over. */
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  #lastError: string | null = null;
  #lastRefusal: string | undefined;
  #toldLost = { dropped: 0, damaged: 0 };
  #lastDeliveredAt: string | null = null;
  #deliveredRecords = 0;
  #deliveredBytes = 0;

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  status(): CourierStatus {
    const { records, bytes } = this.#parts.spool.backlog(this.#parts.name);
    return {
      behindRecords: records,
      behindBytes: bytes,
      lastError: this.#lastError ?? this.#parts.exporter.problem?.() ?? null,
      lastDeliveredAt: this.#lastDeliveredAt,
      deliveredRecords: this.#deliveredRecords,
      deliveredBytes: this.#deliveredBytes,
    };
  }

  /** Records that this exporter will never deliver, by reason, since the start. */
  losses(): Record<string, number> {
    const { dropped, damaged } = this.#parts.spool.lost(this.#parts.name);
    return { ...this.#refused, spool_full: dropped, spool_damaged: damaged };
  }

  async #run(): Promise<void> {
    const { name, spool } = this.#parts;
    for (let attempt = 0; !this.#ended.signal.aborted;) {
      try {
        const batch = await spool.next(name, this.#draining.signal);
        if (!batch) return;
        this.#tellLost();
        await this.#deliver(batch);
        attempt = 0;
      } catch (error) {
        this.#failed(error as Error); // the spool could not be read: the disk may recover
        await this.#pause(attempt++, error as Error);
      }
    }
  }

  async #deliver(batch: Batch): Promise<void> {
    const { name, spool, clock } = this.#parts;
    if (batch.records.length === 0) await spool.settle(name, batch, 0);
    for (let [settled, attempt] = [0, 0]; settled < batch.records.length;) {
      let receipt: Receipt;
      try {
        receipt = await this.#try(batch, settled);
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        this.#failed(error as Error);
        await this.#pause(attempt++, error as Error);
        continue;
      }
      settled += receipt.settled;
      attempt = 0;
      this.#count(receipt);
      this.#lastDeliveredAt = new Date(clock.wallMs()).toISOString();
      this.#recovered();
      await spool.settle(name, batch, settled);
    }
  }

  /** One call of the exporter, with its time limit. Rejects at the end too, also if the exporter never does. */
  async #try(batch: Batch, from: number): Promise<Receipt> {
    const { exporter, clock } = this.#parts;
    const stop = new AbortController();
    const over = Promise.withResolvers<never>();
    const onEnd = () => {
      stop.abort(new Error('the agent stops'));
      over.reject(new Error('the agent stops'));
    };
    if (this.#ended.signal.aborted) throw new Error('the agent stops');
    this.#ended.signal.addEventListener('abort', onEnd, { once: true });
    const timer = new AbortController();
    if (exporter.timeoutMs !== undefined) {
      const tooLate = new Error(`no answer within ${String(exporter.timeoutMs)} ms`);
      clock.sleep(exporter.timeoutMs, timer.signal).then(
        () => stop.abort(tooLate),
        () => undefined, // it answered in time
      );
    }
    try {
      return await Promise.race([exporter.deliver(batch.records.slice(from), stop.signal), over.promise]);
    } finally {
      timer.abort();
      this.#ended.signal.removeEventListener('abort', onEnd);
    }
  }

  async #pause(attempt: number, error: Error): Promise<void> {
    const { clock, random } = this.#parts;
    const durationMs = pauseMs(attempt, random, error instanceof RetryLater ? error.retryAfterMs : 0);
    // The beginning of the drain ends a pause once: one more try now rather than none.
    const { signal } = this.#draining.signal.aborted ? this.#ended : this.#draining;
    await clock.sleep(durationMs, signal).catch(() => undefined);
  }

  #count({ settled, bytes = 0, skipped = 0, refused }: Receipt): void {
    this.#deliveredRecords += settled - skipped - (refused?.count ?? 0);
    this.#deliveredBytes += bytes;
    if (!refused || refused.count === 0) return;
    this.#refused[refused.reason] = (this.#refused[refused.reason] ?? 0) + refused.count;
    const said = `${refused.reason}: ${refused.message}`;
    if (said !== this.#lastRefusal) {
      this.#parts.log.warn(
        `exporter ${this.#parts.name}: ${String(refused.count)} records ${said}; more of the same are only counted`,
      );
    }
    this.#lastRefusal = said;
  }

  /** Once for each reason: from then on they are only counted. */
  #tellLost(): void {
    const { name, spool, log } = this.#parts;
    const { dropped, damaged } = spool.lost(name);
    const said = (count: number, before: number) => count > 0 && before === 0;
    if (said(damaged, this.#toldLost.damaged))
      log.warn(
        `exporter ${name}: ${String(damaged)} records are lost, the spool is damaged; more are counted`,
      );
    if (said(dropped, this.#toldLost.dropped))
      log.warn(`exporter ${name}: ${String(dropped)} records are lost, the spool was full; more are counted`);
    this.#toldLost = { dropped, damaged };
  }

  #failed(error: Error): void {
    const message = wordsOf(error);
    if (this.#lastError === null) {
      const { records } = this.#parts.spool.backlog(this.#parts.name);
      this.#parts.log.warn(
        `exporter ${this.#parts.name}: ${message}; ${String(records)} records wait in the spool`,
      );
    }
    this.#lastError = message;
  }

  #recovered(): void {
    if (this.#lastError !== null) this.#parts.log.info(`exporter ${this.#parts.name} delivers again`);
    this.#lastError = null;
  }

  /** Delivers what is left, for so long at most; the rest stays in the spool for the next run. */
  async stop(drainMs: number): Promise<void> {
    this.#draining.abort();
    await this.#within(drainMs, this.#running);
    this.#ended.abort();
    await this.#within(courierLimits.closeMsMax, this.#close());
  }

  async #close(): Promise<void> {
    const { exporter, name, log } = this.#parts;
    try {
      await exporter[Symbol.asyncDispose]();
    } catch (error) {
      log.warn(`exporter ${name} did not close: ${(error as Error).message}`);
    }
  }

  async #within(durationMs: number, work: Promise<void>): Promise<void> {
    const enough = new AbortController();
    const timeOver = this.#parts.clock.sleep(durationMs, enough.signal).catch(() => undefined);
    await Promise.race([work, timeOver]);
    enough.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(0);
  }
}
