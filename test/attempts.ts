/** Connection attempts that a listener does not take, and what the kernel says of them. */

import type { Actor, SocketId } from '../lab/actor.ts';
import type { Namespace } from '../lab/namespaces.ts';

/** Where the tests' listener is. */
export const to = { ip: '127.0.0.1', port: 7000 };

/** What `ss` shows of a listener's sk_drops. */
export async function dropsOf(at: Namespace, port: number): Promise<number> {
  const text = await at.run(['ss', '-Hlntm', 'sport', '=', `:${String(port)}`]);
  return Number(/skmem:\(.*,d(\d+)\)/.exec(text)?.[1]);
}

/** The same attempt so many times, left to the kernel. */
export async function attempts(client: Actor, count: number, target = to): Promise<SocketId[]> {
  const sockets: SocketId[] = [];
  for (let i = 0; i < count; i++) {
    const socket = await client.socket(target.ip.includes(':') ? 'tcp6' : 'tcp4');
    sockets.push(socket);
    await client.connectStart(socket, target);
  }
  return sockets;
}
