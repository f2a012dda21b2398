/**
 * A lock that goes with its process, however that ends: flock(2) on a file or folder that others may not
 * open. (An abstract socket would do the same, and any user could take its name.)
 */

import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';

/** flock(1) locks what the descriptor refers to, and we go on holding that when it has ended. */
function flock(fd: number): boolean {
  const { status, error, stderr } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0 && stderr !== '') throw new Error(stderr.trim());
  return status === 0;
}

/**
 * Takes the file or folder for this process; undefined when another one has it. It must be there. Whoever
 * holds it may remove it: then the next one locks what is there by then.
 */
export function takeLock(path: string): Disposable | undefined {
  for (;;) {
    const fd = openSync(path, 'r');
    try {
      if (!flock(fd)) {
        closeSync(fd);
        return undefined;
      }
      const [held, there] = [fstatSync(fd), statSync(path, { throwIfNoEntry: false })];
      if (there?.ino === held.ino && there.dev === held.dev)
        return {
          [Symbol.dispose]: () => {
            closeSync(fd);
          },
        };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}
