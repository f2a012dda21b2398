/** Whether a file is compressed, by its first bytes: one that was rotated away may have any name. */

import { closeSync, openSync, readSync } from 'node:fs';

export function isGzip(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(2);
    return readSync(fd, head) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(fd);
  }
}
