import { useEffect, useReducer } from 'react';
import { AskError, followTail } from '../ask/api.ts';
import { backOffMs } from '../ask/asking.ts';
import { browserClock } from '../clock.ts';
import { afterStep, nothingTailed } from './tailing.ts';
import type { Tailed, TailStep } from './tailing.ts';

/** Follows a tail, and begins it again after the hub was away; undefined: none. */
export function useTail(url: string | undefined): Tailed {
  const [tailed, tell] = useReducer<Tailed, [TailStep]>(afterStep, nothingTailed());

  useEffect(() => {
    if (url === undefined) return undefined;
    const stop = new AbortController();
    const { signal } = stop;
    const follow = async (): Promise<void> => {
      tell({ kind: 'start', url });
      for (let failures = 0; ; failures++) {
        try {
          await followTail(url, {
            signal,
            tell: (events) => {
              failures = 0;
              tell({ kind: 'events', events });
            },
          });
        } catch (error) {
          if (!(error instanceof AskError)) throw error;
          tell({ kind: 'failed', problem: error.problem });
          if (!error.problem.isPassing) return;
        }
        await browserClock.sleep(backOffMs(failures + 1), signal);
      }
    };
    follow().catch((error: unknown) => {
      if (!signal.aborted) reportError(error);
    });
    return () => stop.abort();
  }, [url]);

  return tailed;
}
