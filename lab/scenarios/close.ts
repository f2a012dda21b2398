/** Connections that end by FINs. */
import { holdPackets, routedAddress } from '../namespaces.ts';
import { closed, pairEnds, scenario } from '../scenario.ts';
import type { Pair } from '../stage.ts';

/** A request and its answer, all of it read: nothing is left that a close could turn into a reset. */
async function exchange(pair: Pair): Promise<void> {
  await pair.client.send(pair.c, 300);
  await pair.server.receive(pair.s, 300);
  await pair.server.send(pair.s, 5000);
  await pair.client.receive(pair.c, 5000);
}

export const scenarios = [
  scenario({ id: 'close.local-first', title: 'the client sends the first FIN' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await exchange(pair);
    await pair.client.close(pair.c);
    await pair.server.receiveEnd(pair.s);
    await pair.server.close(pair.s);
    return { ends: pairEnds(pair, closed('fin_local', [300, 5000]), closed('fin_remote', [5000, 300])) };
  }),

  scenario({ id: 'close.remote-first', title: 'the server sends the first FIN' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await exchange(pair);
    await pair.server.close(pair.s);
    await pair.client.receiveEnd(pair.c);
    await pair.client.close(pair.c);
    return { ends: pairEnds(pair, closed('fin_remote', [300, 5000]), closed('fin_local', [5000, 300])) };
  }),

  scenario({ id: 'close.half-closed', title: 'payload arrives after the own FIN' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await pair.client.send(pair.c, 10);
    await pair.client.shutdown(pair.c);
    await pair.server.receiveEnd(pair.s);
    await pair.server.send(pair.s, 70_000);
    await pair.server.close(pair.s);
    await pair.client.receiveEnd(pair.c);
    await pair.client.close(pair.c);
    return { ends: pairEnds(pair, closed('fin_local', [10, 70_000]), closed('fin_remote', [70_000, 10])) };
  }),

  scenario(
    { id: 'close.half-closed-busy', title: 'data and FIN arrive while the half-closed end is reading' },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await pair.client.send(pair.c, 10);
      await pair.client.shutdown(pair.c);
      await pair.server.receiveEnd(pair.s);
      // The last of it is taken from the backlog inside recv(): the socket ends in its task, with data
      // unread.
      const sent = pair.server.send(pair.s, 2_000_000).then(() => pair.server.close(pair.s));
      await Promise.all([sent, pair.client.receiveEnd(pair.c)]);
      await pair.client.close(pair.c);
      return {
        ends: pairEnds(pair, closed('fin_local', [10, 2_000_000]), closed('fin_remote', [2_000_000, 10])),
      };
    },
  ),

  scenario(
    { id: 'close.simultaneous', title: 'both FINs cross on the way', needs: ['veth'] },
    async (stage) => {
      const { left, router, right } = await stage.routed();
      const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v4 });
      await exchange(pair);
      const release = await holdPackets({ left, router, right });
      await pair.client.close(pair.c);
      await pair.server.close(pair.s);
      await release();
      return { ends: pairEnds(pair, closed('fin_both', [300, 5000]), closed('fin_both', [5000, 300])) };
    },
  ),

  scenario({ id: 'close.killed', title: 'the client is killed, nothing unread' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await exchange(pair);
    await pair.client.kill();
    await pair.server.receiveEnd(pair.s);
    await pair.server.close(pair.s);
    return { ends: pairEnds(pair, closed('process_exit', [300, 5000]), closed('fin_remote', [5000, 300])) };
  }),

  scenario({ id: 'close.exits', title: 'the server calls exit() without closing' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await exchange(pair);
    await pair.server.exit();
    await pair.client.receiveEnd(pair.c);
    await pair.client.close(pair.c);
    return { ends: pairEnds(pair, closed('fin_remote', [300, 5000]), closed('process_exit', [5000, 300])) };
  }),

  scenario(
    { id: 'close.killed-after-fin', title: 'the client is killed when the server has closed already' },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await exchange(pair);
      await pair.server.close(pair.s);
      await pair.client.receiveEnd(pair.c);
      await pair.client.kill();
      // The server's FIN began it: that the client never closed says nothing new.
      return { ends: pairEnds(pair, closed('fin_remote', [300, 5000]), closed('fin_local', [5000, 300])) };
    },
  ),

  scenario({ id: 'close.reset-after-fins', title: 'a RST answers the second FIN' }, async (stage) => {
    const at = await stage.namespace();
    // Without room for TIME_WAIT nothing is left to acknowledge the second FIN.
    await at.sysctl({ 'ipv4/tcp_max_tw_buckets': 0 });
    const pair = await stage.pair({ clientAt: at });
    await exchange(pair);
    await pair.client.close(pair.c);
    // The acknowledgement of the first FIN may be delayed; only once it has come is the client's end gone.
    await at.settled(1);
    await pair.server.receiveEnd(pair.s);
    await pair.server.close(pair.s);
    const server = { ...closed('fin_remote', [5000, 300]), error: 'ECONNRESET' };
    return { ends: pairEnds(pair, closed('fin_local', [300, 5000]), server) };
  }),
];
