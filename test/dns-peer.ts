/**
 * Speaks DNS by hand, for dns-messages.root.test.ts: `answer` echoes every query on port 53 as a response
 * without records, `ask PLAN` sends what the plan (JSON) says and ends when it has as many responses.
 */

import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Plan {
  /** Datagrams, in hexadecimal, to this address. */
  readonly udp?: { readonly to: string; readonly messages: readonly string[] };
  /** Segments of one connection. */
  readonly tcp?: readonly string[];
  /** Responses to wait for. */
  readonly responses: number;
}

export function query(id: number, name: string, tailBytes = 0): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1]), Buffer.alloc(tailBytes)]);
}

/** As it goes over TCP. */
export function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
}

function response(message: Buffer): Buffer {
  const bytes = Buffer.from(message);
  bytes[2] = (bytes[2] ?? 0) | 0x80;
  return bytes;
}

/** Calls back with every whole message. */
function eachMessage(socket: Socket, take: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      take(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
}

function answer(): void {
  process.title = 'answerer';
  const udp = createSocket({ type: 'udp6' });
  udp.on('message', (message, { port, address }) => udp.send(response(message), port, address));
  const tcp = createServer((socket) => {
    socket.setNoDelay(true);
    eachMessage(socket, (message) => socket.write(framed(response(message))));
  });
  udp.bind(53, '::', () => tcp.listen(53, '::', () => console.log('ready')));
}

async function ask({ udp, tcp, responses }: Plan): Promise<void> {
  process.title = 'asker';
  const all = Promise.withResolvers<undefined>();
  let seen = 0;
  const count = () => {
    if (++seen === responses) all.resolve(undefined);
  };
  const datagrams = createSocket(udp?.to.includes(':') ? 'udp6' : 'udp4', count);
  for (const message of udp?.messages ?? []) datagrams.send(Buffer.from(message, 'hex'), 53, udp?.to);
  if (tcp) {
    const socket = connect(53, '127.0.0.1');
    socket.setNoDelay(true);
    eachMessage(socket, count);
    for (const segment of tcp) {
      await new Promise((resolve) => socket.write(Buffer.from(segment, 'hex'), resolve));
      await sleep(50); // the answerer reads it before the next one comes
    }
    await all.promise;
    socket.end();
  }
  if (responses > 0) await all.promise;
  datagrams.close();
}

if (process.argv[2] === 'answer') answer();
if (process.argv[2] === 'ask') await ask(JSON.parse(process.argv[3] ?? '{}') as Plan);
