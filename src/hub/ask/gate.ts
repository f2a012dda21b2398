/** How many queries run at once, for all who ask. Those beyond wait in a row; beyond that they are refused. */

import { OperatorError } from '../../lib/errors.ts';

export interface GateLimits {
  readonly runningMax: number;
  readonly waitingMax: number;
}

export interface Gate {
  /** Runs when its turn comes. Rejects with the signal's reason where it is aborted while it waits. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export function openGate({ runningMax, waitingMax }: GateLimits): Gate {
  let running = 0;
  const waiting = new Set<() => void>();

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < runningMax) {
      running++;
      return;
    }
    if (waiting.size >= waitingMax) throw new OperatorError('question.queue_full', { waiting: waiting.size });
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const goOn = (): void => resolve(undefined);
    const giveUp = (): void => {
      waiting.delete(goOn);
      reject(signal.reason as Error);
    };
    waiting.add(goOn);
    signal.addEventListener('abort', giveUp, { once: true });
    await promise;
    signal.removeEventListener('abort', giveUp);
  }

  /** Whoever waits longest takes over the place; nobody comes in between. */
  function leave(): void {
    const [next] = waiting;
    if (next === undefined) running--;
    else {
      waiting.delete(next);
      next();
    }
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
  };
}
