/** Asking again and again, and what is known meanwhile. An answer stays until there is a newer one. */
import type { PageClock } from '../clock.ts';
import { AskError } from './api.ts';
import type { Problem } from './api.ts';

export interface Failure {
  readonly problem: Problem;
  /** When asking first failed; it has not succeeded since. */
  readonly sinceMs: number;
  /** When it is tried again; undefined when that would not help. */
  readonly nextMs: number | undefined;
}

export interface Asked<T> {
  /** What was asked for last. */
  readonly url: string;
  readonly isPending: boolean;
  /** The newest answer, and to what: it may be an older question's. */
  readonly latest: { readonly value: T; readonly url: string; readonly atMs: number } | undefined;
  readonly failure: Failure | undefined;
}

export type AskEvent<T> =
  | { readonly kind: 'asked'; readonly url: string }
  | { readonly kind: 'answered'; readonly url: string; readonly value: T; readonly atMs: number }
  | {
      readonly kind: 'failed';
      readonly problem: Problem;
      readonly atMs: number;
      readonly nextMs: number | undefined;
    };

export function nothingAsked<T>(): Asked<T> {
  return { url: '', isPending: false, latest: undefined, failure: undefined };
}

export function after<T>(asked: Asked<T>, event: AskEvent<T>): Asked<T> {
  switch (event.kind) {
    case 'asked': {
      // What the hub said of another URL does not hold for this one; that it is away does.
      const stays = event.url === asked.url || asked.failure?.problem.isPassing === true;
      return { ...asked, url: event.url, isPending: true, failure: stays ? asked.failure : undefined };
    }
    case 'answered': {
      const { url, value, atMs } = event;
      return { url, isPending: false, latest: { value, url, atMs }, failure: undefined };
    }
    case 'failed': {
      const { problem, nextMs } = event;
      const sinceMs = asked.failure?.sinceMs ?? event.atMs;
      return { ...asked, isPending: false, failure: { problem, sinceMs, nextMs } };
    }
  }
}

const retryMs = { first: 1000, max: 15_000 } as const;

/** Doubles from one second: a hub that restarts is found soon, one that is gone is not pestered. */
export function backOffMs(failures: number): number {
  return Math.min(retryMs.first * 2 ** (failures - 1), retryMs.max);
}

export interface Asking<T> {
  readonly url: string;
  readonly ask: (url: string, signal: AbortSignal) => Promise<T>;
  /** Between an answer and the next question; undefined: one answer is enough. */
  readonly everyMs: number | undefined;
  readonly clock: PageClock;
  /** Resolves when somebody looks. */
  readonly untilSeen: (signal: AbortSignal) => Promise<void>;
  readonly tell: (event: AskEvent<T>) => void;
}

/** Returns when there is nothing more to ask, and rejects with the signal's reason when it is aborted. */
export async function keepAsking<T>(asking: Asking<T>, signal: AbortSignal): Promise<void> {
  const { url, clock, everyMs, tell } = asking;
  let failures = 0;
  for (;;) {
    tell({ kind: 'asked', url });
    let waitMs = everyMs;
    try {
      const value = await asking.ask(url, signal);
      signal.throwIfAborted();
      failures = 0;
      tell({ kind: 'answered', url, value, atMs: clock.wallMs() });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AskError)) throw error;
      failures++;
      waitMs = error.problem.isPassing ? backOffMs(failures) : undefined;
      const atMs = clock.wallMs();
      const nextMs = waitMs === undefined ? undefined : atMs + waitMs;
      tell({ kind: 'failed', problem: error.problem, atMs, nextMs });
    }
    if (waitMs === undefined) return;
    await clock.sleep(waitMs, signal);
    await asking.untilSeen(signal);
  }
}
