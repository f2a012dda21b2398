/**
 * Messages over TCP (RFC 6587, octet counting) or TLS (RFC 5425). Nobody acknowledges them: written means
 * that the kernel has them. So a new connection is watched for a moment before it counts as good, and what
 * was written last is kept: when a connection breaks, it is written again over the next.
 *
 * Owns one connection, and at most so many bytes of what was written. Must never call a batch delivered that
 * was written to a connection which is known to be gone.
 */

import { once } from 'node:events';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../../lib/clock.ts';
import type { TlsSettings } from '../tls.ts';

export const streamLimits = {
  /** A receiver that wants nothing of us closes or resets a new connection within about a round trip. */
  newMs: 300,
  /** What is written again after a break, unless one batch has more. */
  againBytesMax: 1 << 20,
  keepAliveMs: 30_000,
} as const;

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where messages go, over whichever transport. */
export type Channel = AsyncDisposable & {
  /** Resolves when the kernel has all and nothing speaks against them. Rejects otherwise: give them again. */
  write(messages: readonly Buffer[], signal: AbortSignal): Promise<void>;
};

interface Connection {
  readonly socket: Socket;
  /** `finished`: the receiver closed it, and had read everything: else its kernel would have reset it. */
  state: 'open' | 'finished' | 'broken';
  problem: Error;
}

function watch(socket: Socket): Connection {
  const problem = new Error('the receiver closed the connection');
  const connection: Connection = { socket, state: 'open', problem };
  socket.on('error', (error) => {
    connection.state = 'broken';
    connection.problem = error;
  });
  socket.on('end', () => {
    if (connection.state === 'open') connection.state = 'finished';
  });
  socket.on('close', () => {
    if (connection.state === 'open') connection.state = 'broken';
  });
  socket.resume(); // whatever it says; or its end would not be seen
  return connection;
}

/** Rejects when the signal is aborted or the connection is closed, whatever `work` does. */
async function whileOpen(connection: Connection, signal: AbortSignal, work: Promise<void>): Promise<void> {
  const { socket } = connection;
  const over = Promise.withResolvers<never>();
  const onAbort = (): void => over.reject(signal.reason as Error);
  const onClose = (): void => over.reject(connection.problem);
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('close', onClose);
  if (signal.aborted) onAbort();
  if (socket.closed) onClose();
  try {
    await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.off('close', onClose);
  }
}

function counted(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${String(message.length)} `), message]);
}

function lengthOf(batch: readonly Buffer[]): number {
  return batch.reduce((sum, { length }) => sum + length, 0);
}

async function connect({ host, port }: Place, tls: TlsSettings | undefined, signal: AbortSignal) {
  const socket = tls
    ? connectTls({ host, port, ...tls, ...(isIP(host) ? {} : { servername: host }) })
    : connectPlain({ host, port });
  const connection = watch(socket);
  const ready = new Promise<void>((resolve) => {
    socket.once(tls ? 'secureConnect' : 'connect', resolve);
  });
  try {
    await whileOpen(connection, signal, ready);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.setNoDelay(true).setKeepAlive(true, streamLimits.keepAliveMs);
  return connection;
}

function flushed({ socket }: Connection, batch: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(Buffer.concat(batch), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Whether what was written last was read: otherwise it has to be written again. */
async function hasReadAll(connection: Connection, signal: AbortSignal): Promise<boolean> {
  if (connection.state !== 'finished') return false;
  const never = new Promise<void>(() => undefined);
  await whileOpen(connection, signal, never).catch(() => undefined); // a reset may follow
  connection.socket.destroy();
  return (connection.state as Connection['state']) === 'finished';
}

export function openStream(place: Place, tls: TlsSettings | undefined, clock: Clock): Channel {
  let connection: Connection | undefined;
  let written: (readonly Buffer[])[] = [];

  function keep(batch: readonly Buffer[]): void {
    written.push(batch);
    let bytes = written.reduce((sum, each) => sum + lengthOf(each), 0);
    while (written.length > 1 && bytes > streamLimits.againBytesMax) bytes -= lengthOf(written.shift() ?? []);
  }

  async function writeNew(batch: readonly Buffer[], signal: AbortSignal): Promise<Connection> {
    const next = await connect(place, tls, signal);
    try {
      await whileOpen(next, signal, flushed(next, [...written.flat(), ...batch]));
      await whileOpen(next, signal, clock.sleep(streamLimits.newMs, signal));
      if (next.state !== 'open') throw next.problem;
      return next;
    } catch (error) {
      next.socket.destroy();
      throw error;
    }
  }

  return {
    async write(messages, signal) {
      const batch = messages.map(counted);
      if (connection && connection.state !== 'open') {
        if (await hasReadAll(connection, signal)) written = [];
        connection = undefined;
      }
      if (!connection) {
        connection = await writeNew(batch, signal);
      } else {
        try {
          await whileOpen(connection, signal, flushed(connection, batch));
          if (connection.state !== 'open') throw connection.problem;
        } catch (error) {
          connection.state = 'broken';
          connection.socket.destroy();
          throw error;
        }
      }
      keep(batch);
    },
    /** Waits until the receiver has read everything and closed its side. */
    async [Symbol.asyncDispose]() {
      if (connection?.state !== 'open') return;
      connection.socket.end();
      connection.socket.unref();
      if (!connection.socket.closed) await once(connection.socket, 'close').catch(() => undefined);
      if ((connection.state as Connection['state']) === 'broken')
        throw new Error(`${connection.problem.message}; what was written last may be lost`);
    },
  };
}
