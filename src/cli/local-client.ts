/** A client of an agent's local socket. */

import { connect } from 'node:net';
import { OperatorError } from '../lib/errors.ts';
import { readLines } from '../lib/lines.ts';
import { localSocketPath } from '../lib/local-socket.ts';
import type { LocalReply, LocalRequest } from '../model/local.ts';

/** A window's closing record names every network namespace: 1,024 of them at 1 kB each. */
const replyMax = 4 << 20;

/**
 * Asks, and hands every answer on until the agent or the signal ends it. Rejects with agent.not_running when
 * nobody listens, socket.denied when we may not ask.
 */
export function askAgent(
  instance: string,
  request: LocalRequest,
  { signal, onReply }: { signal: AbortSignal; onReply: (reply: LocalReply) => void },
): Promise<void> {
  const path = localSocketPath(instance);
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const stop = () => socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES' || error.code === 'EPERM')
        reject(new OperatorError('socket.denied', { socket: path }));
      else if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
        reject(new OperatorError('agent.not_running', { instance, socket: path }));
      } else reject(error);
    });
    socket.once('close', () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    readLines(socket, {
      onLine: (line) => {
        onReply(JSON.parse(line) as LocalReply);
      },
      lineMax: replyMax,
    });
  });
}
