/** How many queries run at once, for all who ask. Those beyond wait in a row; beyond that they are refused. */

import { OperatorError } from '../../lib/errors.ts';

export interface GateLimits {
  readonly runningMax: number;
  readonly waitingMax: number;
}

export interface Gate {
  /** Runs when its turn comes. Rejects with the signal's reason where it is aborted while it waits. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Resolves when nothing runs and nothing waits: somebody else may take what they use. */
  idle(signal: AbortSignal): Promise<void>;
}

/** A promise for each of those who wait; whoever goes away meanwhile is struck off. */
function openRow() {
  const row = new Set<() => void>();
  return {
    size: () => row.size,
    async wait(signal: AbortSignal): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const goOn = (): void => resolve(undefined);
      const giveUp = (): void => {
        row.delete(goOn);
        reject(signal.reason as Error);
      };
      row.add(goOn);
      signal.addEventListener('abort', giveUp, { once: true });
      await promise;
      signal.removeEventListener('abort', giveUp);
    },
    /** Whoever waits longest. */
    next(): (() => void) | undefined {
      const [first] = row;
      if (first) row.delete(first);
      return first;
    },
  };
}

export function openGate({ runningMax, waitingMax }: GateLimits): Gate {
  let running = 0;
  const waiting = openRow();
  const idlers = openRow();

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < runningMax) {
      running++;
      return;
    }
    const full = waiting.size();
    if (full >= waitingMax) throw new OperatorError('question.queue_full', { waiting: full });
    await waiting.wait(signal);
  }

  /** Whoever waits longest takes over the place; nobody comes in between. */
  function leave(): void {
    const next = waiting.next();
    if (next) {
      next();
      return;
    }
    running--;
    if (running > 0) return;
    for (let idler = idlers.next(); idler; idler = idlers.next()) idler();
  }

  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    async idle(signal) {
      signal.throwIfAborted();
      if (running > 0) await idlers.wait(signal);
    },
  };
}
