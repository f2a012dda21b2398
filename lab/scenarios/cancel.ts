/**
 * Attempts that this end gave up itself, before there was any reason to, and those that never got a SYN out.
 */
import type { ActorError } from '../channel.ts';
import type { Namespace } from '../namespaces.ts';
import { attemptEnd, closed, pairEnds, scenario } from '../scenario.ts';
import type { Outcome } from '../scenario.ts';

const to = { ip: '127.0.0.1', port: 7000 };
const canceled: Outcome = { state: 'canceled' };

/** A connect to a port whose packets are dropped: SYN_SENT. */
async function connecting(at: Namespace) {
  await at.filter(['tcp dport 7000 drop']);
  const client = await at.actor('client');
  const socket = await client.socket();
  await client.connectStart(socket, to);
  return { client, socket };
}

export const scenarios = [
  scenario({ id: 'cancel.close', title: 'closed in SYN_SENT at once', needs: ['nft'] }, async (stage) => {
    const at = await stage.namespace();
    const { client, socket } = await connecting(at);
    await client.close(socket);
    return { ends: [attemptEnd({ process: 'client', at, to }, canceled)] };
  }),

  scenario({ id: 'cancel.killed', title: 'the process dies in SYN_SENT', needs: ['nft'] }, async (stage) => {
    const at = await stage.namespace();
    const { client } = await connecting(at);
    await client.kill();
    return {
      ends: [attemptEnd({ process: 'client', at, to }, { ...canceled, closeReason: 'process_exit' })],
    };
  }),

  scenario(
    { id: 'cancel.disconnect', title: 'connect(AF_UNSPEC) in SYN_SENT', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket } = await connecting(at);
      await client.disconnect(socket);
      await client.close(socket);
      return { ends: [attemptEnd({ process: 'client', at, to }, canceled)] };
    },
  ),

  scenario(
    { id: 'cancel.reused', title: 'canceled by AF_UNSPEC, then the same socket connects', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket: c } = await connecting(at);
      await client.disconnect(c);
      const other = { ip: '127.0.0.1', port: 7001 };
      const { server, listener } = await stage.listening({ at, ...other });
      await client.connect(c, other);
      const s = await server.accept(listener);
      await client.close(c);
      await server.receiveEnd(s);
      await server.close(s);
      const pair = { client, server, listener, c, s, to: other, clientAt: at, serverAt: at };
      return {
        ends: [
          attemptEnd({ process: 'client', at, to }, canceled),
          ...pairEnds(pair, closed('fin_local', [0, 0]), closed('fin_remote', [0, 0])),
        ],
      };
    },
  ),

  scenario({ id: 'cancel.no-port', title: 'no local port is left: EADDRNOTAVAIL' }, async (stage) => {
    const at = await stage.namespace();
    await at.sysctl({ 'ipv4/ip_local_port_range': '41000 41000' });
    const pair = await stage.pair({ clientAt: at });
    const second = await pair.client.socket();
    const result = await pair.client.connect(second, pair.to).then(
      () => 'connected',
      (error: unknown) => (error as ActorError).errno,
    );
    if (result !== 'EADDRNOTAVAIL') throw new Error(`the second connect: ${result}`);
    await pair.client.close(second);
    await pair.client.close(pair.c);
    await pair.server.receiveEnd(pair.s);
    await pair.server.close(pair.s);
    // The kernel leaves sk_err at 0: the errno is only what connect() returned.
    const failed: Outcome = { state: 'failed' };
    return {
      ends: [
        attemptEnd({ process: 'client', at, to: pair.to }, failed),
        ...pairEnds(pair, closed('fin_local', [0, 0]), closed('fin_remote', [0, 0])),
      ],
    };
  }),
];
