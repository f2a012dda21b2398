/**
 * One hub per folder. Linux's abstract sockets belong to a process and go with it, however it ends: no stale
 * lock, no file. They are per network namespace, as a hub on one machine is.
 */

import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';

/** Rejects when another process has the folder. */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const { dev, ino } = statSync(folder);
  const server = createServer((socket) => socket.destroy());
  server.listen({ path: `\0sonde-journal-${dev}-${ino}` });
  try {
    await once(server, 'listening');
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    throw isTaken ? new Error('another hub uses it', { cause: error }) : error;
  }
  server.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
