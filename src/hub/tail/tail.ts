/**
 * Tails: whoever wants to see records as they are received, told of those that a filter lets through.
 *
 * Owns what is under way to each reader, `bufferedBytesMax` of it. Whoever hands rows over must never wait or
 * fail for a tail: what a reader does not read in time it loses, counted and told.
 */

import { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Row, StoreBlock, TableColumns, TableName } from '../../model/block.ts';
import { encodeEvent, heartbeat } from '../../question/event-stream.ts';
import { failSearch, readSearched } from '../../question/search/asked.ts';
import { searchColumns } from '../../question/search/columns.ts';
import type { TailEvents } from '../../question/search/contract.ts';
import { searchTables } from '../../question/search/fields.ts';
import { rowMatcher } from '../../question/search/match.ts';

export const tailLimits = {
  tailsMax: 8,
  /** Told of one tail: nobody reads faster, and to write more of them is work that receiving lacks. */
  rowsPerSecondMax: 200,
  /** After a pause: a block has the rows of a whole window at once. */
  burstRowsMax: 2000,
  bufferedBytesMax: 1 << 20,
  heartbeatMs: 15_000,
} as const;

export interface TailAsked {
  /** table, filter, and the scope. */
  readonly query: Readonly<Record<string, string>>;
  /** Whoever reads has gone. */
  readonly signal: AbortSignal;
}

export interface Tails extends Disposable {
  /** Events (`TailEvents`) until whoever reads goes or the hub stops. Throws search.* and tail.full. */
  open(asked: TailAsked): Readable;
  /** Rows that are safe on the disk. */
  offer(rows: StoreBlock['rows']): void;
}

export interface TailsOptions {
  readonly tables: TableColumns;
  readonly clock: Clock;
  readonly log: Log;
}

interface Tail {
  readonly table: TableName;
  readonly stream: Readable;
  look(row: Row): void;
  tellLost(): void;
  beat(): void;
}

type Told = {
  readonly [Name in keyof TailEvents]: { readonly event: Name; readonly value: TailEvents[Name] };
};

/** What goes to one reader. Never more than is buffered, and one event. */
function openOutlet() {
  let isFull = false;
  const lost = { rate: 0, slow: 0 };
  const stream = new Readable({
    highWaterMark: tailLimits.bufferedBytesMax,
    read: () => {
      isFull = false;
      tellLost();
    },
  });
  const push = (text: string): void => {
    isFull = !stream.push(text);
  };
  function tellLost(): void {
    if (isFull || lost.rate + lost.slow === 0) return;
    const told = { ...lost };
    Object.assign(lost, { rate: 0, slow: 0 });
    push(encodeEvent({ event: 'lost', value: told } satisfies Told['lost']));
  }
  return {
    stream,
    tellLost,
    lose: (why: keyof typeof lost) => lost[why]++,
    tell(event: Told['begin'] | Told['row']): void {
      if (isFull) lost.slow++;
      else push(encodeEvent(event));
    },
    beat(): void {
      if (!isFull) push(heartbeat);
    },
  };
}

/** How many rows may be told now: some each second, and not more than a burst. */
function openCredit({ monotonicNs }: Pick<Clock, 'monotonicNs'>): () => boolean {
  let credit: number = tailLimits.burstRowsMax;
  let atNs = monotonicNs();
  return () => {
    const nowNs = monotonicNs();
    const earned = (Number(nowNs - atNs) / 1e9) * tailLimits.rowsPerSecondMax;
    credit = Math.min(tailLimits.burstRowsMax, credit + earned);
    atNs = nowNs;
    if (credit < 1) return false;
    credit--;
    return true;
  };
}

function openTail({ query }: TailAsked, { tables, clock }: TailsOptions): Tail {
  const { limit, ...asked } = query;
  if (limit !== undefined) return failSearch('limit', 'is none of a tail');
  const { table: name, text: filter, filter: terms } = readSearched(asked);
  const { table } = searchTables[name] ?? { table: 'flows' };
  const matches = rowMatcher(terms, tables[table]);
  const { columns, glance, cells } = searchColumns(name, tables[table]);
  const outlet = openOutlet();
  const mayTell = openCredit(clock);
  outlet.tell({ event: 'begin', value: { table: name, filter, columns, glance } });
  return {
    table,
    stream: outlet.stream,
    beat: () => outlet.beat(),
    look(row) {
      if (!matches(row)) return;
      if (mayTell()) outlet.tell({ event: 'row', value: cells(row) });
      else outlet.lose('rate');
    },
    tellLost: () => outlet.tellLost(),
  };
}

export function openTails(options: TailsOptions): Tails {
  const { clock, log } = options;
  const tails = new Set<Tail>();
  const stop = new AbortController();

  async function beat(): Promise<void> {
    for (;;) {
      await clock.sleep(tailLimits.heartbeatMs, stop.signal);
      for (const tail of tails) tail.beat();
    }
  }
  beat().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });

  /** A fault of ours ends tails, and nothing else. */
  function lookWith(lookers: readonly Tail[], work: () => void): void {
    try {
      work();
    } catch (error) {
      for (const tail of lookers) {
        tails.delete(tail);
        tail.stream.destroy(error as Error);
      }
      log.warn(`a tail ended: ${(error as Error).stack ?? String(error)}`);
    }
  }

  /** Each row is read once, for all who look. */
  function lookAll(lookers: readonly Tail[], rows: Iterable<Row>): void {
    lookWith(lookers, () => {
      for (const row of rows) {
        for (const tail of lookers) if (tails.has(tail)) lookWith([tail], () => tail.look(row));
      }
    });
  }

  return {
    open(asked) {
      if (tails.size >= tailLimits.tailsMax) throw new OperatorError('tail.full', { tails: tails.size });
      const tail = openTail(asked, options);
      const end = (): void => {
        tail.stream.destroy();
      };
      tails.add(tail);
      asked.signal.addEventListener('abort', end, { once: true });
      tail.stream.once('close', () => {
        tails.delete(tail);
        asked.signal.removeEventListener('abort', end);
      });
      return tail.stream;
    },
    offer(rows) {
      for (const [table, lookers] of Map.groupBy(tails, (tail) => tail.table)) {
        lookAll(lookers, rows[table] ?? []);
      }
      for (const tail of tails) tail.tellLost();
    },
    [Symbol.dispose]() {
      stop.abort();
      for (const { stream } of tails) stream.push(null);
      tails.clear();
    },
  };
}
