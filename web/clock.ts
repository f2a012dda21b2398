/** The browser's clock: src/lib/clock.ts reads files of the machine, which a page cannot. */
import type { Clock } from '../src/lib/clock.ts';

export type PageClock = Pick<Clock, 'wallMs' | 'sleep'>;

export const browserClock: PageClock = {
  wallMs: () => Date.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        window.clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = window.setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, durationMs);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
