/**
 * Speaks DNS by hand, for dns-messages.root.test.ts: `answer` echoes every query on port 53 as a response
 * without records, `announce ADDRESS` answers every query by multicast with that address, `ask PLAN` sends
 * what the plan (JSON) says and ends when it has as many responses.
 */

import { once } from 'node:events';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Plan {
  /** Datagrams, in hexadecimal, to this address. */
  readonly udp?: { readonly to: string; readonly messages: readonly string[] };
  /** Queries by multicast, to this group. */
  readonly multicast?: { readonly to: Group; readonly messages: readonly string[] };
  /** Segments of one connection. */
  readonly tcp?: readonly string[];
  /** Responses to wait for. */
  readonly responses: number;
}

/** Of multicast DNS, on the link below. */
export const groups = ['224.0.0.251', 'ff02::fb'] as const;
type Group = (typeof groups)[number];
const mdnsPort = 5353;
export const multicastLink = { name: 'cast0', address: '10.7.0.1' } as const;

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

/** As multicast DNS answers: no question, the name again with its address. */
function announcement(message: Buffer, address: string): Buffer {
  const head = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  const record = [0, 0, 0, 120, 0, 4, ...address.split('.').map(Number)];
  return Buffer.concat([head, message.subarray(12), Buffer.from(record)]);
}

/** A member of the group; others on this host may be, too. */
async function member(group: Group): Promise<Datagrams> {
  const isV6 = group.includes(':');
  const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', reuseAddr: true, ipv6Only: isV6 });
  socket.bind(mdnsPort);
  await once(socket, 'listening');
  const link = isV6 ? `::%${multicastLink.name}` : multicastLink.address;
  socket.addMembership(group, link);
  socket.setMulticastInterface(link);
  return socket;
}

async function announce(address: string): Promise<void> {
  process.title = 'announcer';
  for (const group of groups) {
    const socket = await member(group);
    socket.on('message', (message) => {
      if (!isResponse(message)) socket.send(announcement(message, address), mdnsPort, group);
    });
  }
  console.log('ready');
}

function isResponse(message: Buffer): boolean {
  return ((message[2] ?? 0) & 0x80) !== 0;
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

/** Counts responses; it hears its own queries, too. */
async function askAll({ to, messages }: NonNullable<Plan['multicast']>, count: () => void) {
  const socket = await member(to);
  socket.on('message', (message) => (isResponse(message) ? count() : undefined));
  for (const message of messages) socket.send(Buffer.from(message, 'hex'), mdnsPort, to);
  return socket;
}

async function ask({ udp, multicast, tcp, responses }: Plan): Promise<void> {
  process.title = 'asker';
  const all = Promise.withResolvers<undefined>();
  let seen = 0;
  const count = () => {
    if (++seen === responses) all.resolve(undefined);
  };
  const datagrams = createSocket(udp?.to.includes(':') ? 'udp6' : 'udp4', count);
  for (const message of udp?.messages ?? []) datagrams.send(Buffer.from(message, 'hex'), 53, udp?.to);
  const cast = multicast && (await askAll(multicast, count));
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
  cast?.close();
}

if (process.argv[2] === 'answer') answer();
if (process.argv[2] === 'announce') await announce(process.argv[3] ?? '');
if (process.argv[2] === 'ask') await ask(JSON.parse(process.argv[3] ?? '{}') as Plan);
