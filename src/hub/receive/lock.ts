/** One hub per folder. */

import { takeLock } from '../../lib/lock.ts';

/** Throws when another process has the folder. */
export function lockFolder(folder: string): Disposable {
  const lock = takeLock(folder);
  if (!lock) throw new Error('another hub uses it');
  return lock;
}
