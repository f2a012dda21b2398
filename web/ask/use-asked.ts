import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import { browserClock } from '../clock.ts';
import { after, keepAsking, nothingAsked } from './asking.ts';
import type { Asked, AskEvent } from './asking.ts';

interface Options<T> {
  readonly url: string;
  readonly ask: (url: string, signal: AbortSignal) => Promise<T>;
  readonly everyMs: number;
  /** What is there stays as it is; another URL is still asked, once. */
  readonly isPaused: boolean;
}

function untilSeen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!document.hidden) {
      resolve();
      return;
    }
    const settled = new AbortController();
    const once = { signal: settled.signal };
    const onChange = (): void => {
      if (document.hidden) return;
      settled.abort();
      resolve();
    };
    const onAbort = (): void => {
      settled.abort();
      reject(signal.reason as Error);
    };
    document.addEventListener('visibilitychange', onChange, once);
    signal.addEventListener('abort', onAbort, once);
  });
}

/** What is known of `url`, kept fresh; and a function that asks at once. */
export function useAsked<T>({ url, ask, everyMs, isPaused }: Options<T>): readonly [Asked<T>, () => void] {
  const [asked, tell] = useReducer<Asked<T>, [AskEvent<T>]>(after, nothingAsked<T>());
  const [turn, setTurn] = useState(0);
  const done = useRef({ url: '', turn: -1 });

  useEffect(() => {
    // Pausing asks nothing; whoever changes the URL or asks at once while paused gets one answer.
    if (isPaused && done.current.url === url && done.current.turn === turn) return undefined;
    const stop = new AbortController();
    const note = (event: AskEvent<T>): void => {
      if (event.kind === 'answered') done.current = { url, turn };
      tell(event);
    };
    const every = isPaused ? undefined : everyMs;
    keepAsking({ url, ask, everyMs: every, clock: browserClock, untilSeen, tell: note }, stop.signal).catch(
      (error: unknown) => {
        if (!stop.signal.aborted) reportError(error);
      },
    );
    return () => stop.abort();
  }, [url, ask, everyMs, isPaused, turn]);

  const askNow = useCallback(() => setTurn((count) => count + 1), []);
  return [asked, askNow];
}
