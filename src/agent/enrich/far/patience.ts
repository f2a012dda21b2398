/** Waiting for what may hang: a disk, the kernel. */

import type { Clock } from '../../../lib/clock.ts';

/** Whether it was done within the time; it goes on all the same. */
export async function doneWithin(
  clock: Pick<Clock, 'sleep'>,
  work: Promise<unknown>,
  waitMsMax: number,
): Promise<boolean> {
  const patience = new AbortController();
  const late = clock.sleep(waitMsMax, patience.signal).then(
    () => false,
    () => true, // nobody waits any more
  );
  const done = await Promise.race([work.then(() => true), late]);
  patience.abort();
  return done;
}
