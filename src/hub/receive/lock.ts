/** One hub per folder. */

import { OperatorError } from '../../lib/errors.ts';
import { takeLock } from '../../lib/lock.ts';

/** Throws hub.already_running when another process has the folder. */
export function lockFolder(folder: string): Disposable {
  const lock = takeLock(folder);
  if (!lock) throw new OperatorError('hub.already_running', { folder });
  return lock;
}
