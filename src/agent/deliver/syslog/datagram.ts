/**
 * Messages over UDP (RFC 5426), one a datagram. Nobody knows what arrives; only a host that says that nobody
 * listens there is heard.
 */

import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Clock } from '../../../lib/clock.ts';
import type { Channel, Place } from './stream.ts';

export const datagramLimits = {
  /** Of a message: what fits a datagram with the headers of IPv6. */
  bytesMax: 65_000,
  /** So many at once, then a pause: receivers' sockets hold 208 KiB by default. */
  burst: 50,
  pauseMs: 20,
} as const;

async function connect({ host, port }: Place): Promise<Socket> {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

function send(socket: Socket, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(message, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

export function openDatagrams(place: Place, clock: Clock): Channel {
  let socket: Socket | undefined;
  let problem: Error | undefined;

  async function open(): Promise<Socket> {
    const next = await connect(place);
    problem = undefined;
    next.on('error', (error) => (problem = error));
    return next;
  }

  return {
    async write(messages, signal) {
      socket ??= await open();
      try {
        for (let from = 0; from < messages.length; from += datagramLimits.burst) {
          for (const message of messages.slice(from, from + datagramLimits.burst))
            await send(socket, message);
          await clock.sleep(datagramLimits.pauseMs, signal); // also for the answer that nobody is there
          if (problem) throw problem;
        }
      } catch (error) {
        socket.close();
        socket = undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]() {
      socket?.close();
      return Promise.resolve();
    },
  };
}
