/** DNS by hand, between two actors: a question, and the answer that the other gives. */
import type { Actor, Address, SocketId } from './actor.ts';

/** Of RFC 1035, as its codes. */
const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const;

export type DnsAnswer = { readonly rcode: keyof typeof rcodes; readonly address?: string };

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);

function question(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...labels, bytes(0, 0, 1, 0, 1)]); // the root, type A, class IN
}

export function query(id: number, name: string): Buffer {
  return Buffer.concat([bytes(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), question(name)]);
}

export function response(id: number, name: string, { rcode, address }: DnsAnswer): Buffer {
  const answers = address === undefined ? 0 : 1;
  const head = bytes(id >> 8, id & 255, 0x81, 0x80 | rcodes[rcode], 0, 1, 0, answers, 0, 0, 0, 0);
  // The name is where the question has it; type A, class IN, for a minute, four bytes.
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(address ?? '').split('.').map(Number)];
  return Buffer.concat([head, question(name), ...(answers === 1 ? [bytes(...record)] : [])]);
}

export type Resolver = { readonly actor: Actor; readonly socket: SocketId; readonly at: Address };

/** A socket that names can be asked of. */
export async function resolver(actor: Actor, at: Address): Promise<Resolver> {
  const socket = await actor.socket('udp4');
  await actor.bind(socket, at.ip, at.port);
  return { actor, socket, at };
}

/** Asks so many times, each time anew; nobody answers without an answer to give. */
export async function look(
  { actor, ip }: { readonly actor: Actor; readonly ip: string },
  { actor: answerer, socket: listening, at }: Resolver,
  { name, times, answer }: { readonly name: string; readonly times: number; readonly answer?: DnsAnswer },
): Promise<void> {
  const socket = await actor.socket('udp4');
  const port = await actor.bind(socket, ip);
  for (let id = 1; id <= times; id++) {
    await actor.sendPayload(socket, at, query(id, name));
    await answerer.takeDatagrams(listening, 1);
    if (!answer) continue;
    await answerer.sendPayload(listening, { ip, port }, response(id, name, answer));
    await actor.takeDatagrams(socket, 1);
  }
  if (answer) await actor.close(socket);
}
