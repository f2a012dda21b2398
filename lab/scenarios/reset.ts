/** Established connections that end by a RST, or by an administrator. */
import { setTimeout } from 'node:timers/promises';
import { routedAddress } from '../namespaces.ts';
import { closed, pairEnds, resetLocally, resetRemotely, scenario } from '../scenario.ts';
import type { Outcome } from '../scenario.ts';
import type { Pair } from '../stage.ts';

/**
 * A FIN may be acknowledged with a delay, 200 ms at most; then the closed end is gone, and only its TIME_WAIT
 * is left.
 */
async function delayedAckIsSent(): Promise<void> {
  await setTimeout(300);
}

/** Waits until the server has been told of the RST, and lets go of its socket. */
async function serverIsReset(pair: Pair): Promise<void> {
  await pair.server.until(pair.s, { state: 'CLOSE' });
  await pair.server.close(pair.s);
}

async function request(pair: Pair, bytes = 100): Promise<void> {
  await pair.client.send(pair.c, bytes);
  await pair.server.receive(pair.s, bytes);
}

/** A request, and the client's FIN is acknowledged. */
async function halfClose(pair: Pair): Promise<void> {
  await request(pair);
  await pair.client.shutdown(pair.c);
  await pair.server.until(pair.s, { state: 'CLOSE_WAIT' });
  await pair.client.until(pair.c, { state: 'FIN_WAIT2' });
}

export const scenarios = [
  scenario({ id: 'reset.linger', title: 'SO_LINGER 0: close sends a RST' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.client.set(pair.c, 'lingerS', 0);
    await pair.client.close(pair.c);
    await serverIsReset(pair);
    return { ends: pairEnds(pair, resetLocally([100, 0]), resetRemotely([0, 100])) };
  }),

  scenario({ id: 'reset.linger-server', title: 'the server resets with SO_LINGER 0' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.server.set(pair.s, 'lingerS', 0);
    await pair.server.close(pair.s);
    await pair.client.until(pair.c, { state: 'CLOSE' });
    await pair.client.close(pair.c);
    return { ends: pairEnds(pair, resetRemotely([100, 0]), resetLocally([0, 100])) };
  }),

  scenario({ id: 'reset.disconnect', title: 'connect(AF_UNSPEC) when established' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.client.disconnect(pair.c);
    await serverIsReset(pair);
    await pair.client.close(pair.c);
    return { ends: pairEnds(pair, resetLocally([100, 0]), resetRemotely([0, 100])) };
  }),

  scenario({ id: 'reset.unread', title: 'closed with unread data' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.server.send(pair.s, 400);
    await pair.client.until(pair.c, { unread: 400 });
    await pair.client.close(pair.c);
    await serverIsReset(pair);
    return { ends: pairEnds(pair, resetLocally([100, 400]), resetRemotely([400, 100])) };
  }),

  scenario({ id: 'reset.killed-unread', title: 'killed with unread data' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.server.send(pair.s, 400);
    await pair.client.until(pair.c, { unread: 400 });
    await pair.client.kill();
    await serverIsReset(pair);
    return { ends: pairEnds(pair, resetLocally([100, 400], 'process_exit'), resetRemotely([400, 100])) };
  }),

  scenario({ id: 'reset.killed-linger', title: 'killed with SO_LINGER 0' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.client.set(pair.c, 'lingerS', 0);
    await pair.client.kill();
    await serverIsReset(pair);
    return { ends: pairEnds(pair, resetLocally([100, 0], 'process_exit'), resetRemotely([0, 100])) };
  }),

  scenario(
    { id: 'reset.unread-after-fin', title: 'the peer sent and closed, then closed unread' },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await pair.server.send(pair.s, 400);
      await pair.server.close(pair.s);
      await pair.client.until(pair.c, { state: 'CLOSE_WAIT' });
      // Only once its FIN is acknowledged, which may be delayed, is the server's socket gone and beyond any
      // RST.
      await pair.clientAt.settled(1);
      await pair.client.close(pair.c);
      return { ends: pairEnds(pair, resetLocally([0, 400]), closed('fin_local', [400, 0])) };
    },
  ),

  scenario({ id: 'reset.peer-writes', title: 'the peer writes after my close' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.client.close(pair.c);
    await pair.server.until(pair.s, { state: 'CLOSE_WAIT' });
    await pair.clientAt.settled(1);
    await pair.server.send(pair.s, 60);
    await serverIsReset(pair);
    return { ends: pairEnds(pair, closed('fin_local', [100, 0]), resetRemotely([60, 100], 'EPIPE')) };
  }),

  scenario(
    { id: 'reset.data-after-close', title: 'data arrives before my FIN is acknowledged', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      const pair = await stage.pair({ clientAt: at });
      await request(pair);
      await pair.client.until(pair.c, { unacked: 0 });
      await at.filter(['tcp dport 7000 tcp flags & fin == fin drop']);
      await pair.client.close(pair.c);
      await pair.server.send(pair.s, 60); // nobody can read it any more: the kernel aborts
      await serverIsReset(pair);
      const client: Outcome = { ...resetLocally([100, 0], 'reset_sent'), finSent: true };
      return { ends: pairEnds(pair, client, resetRemotely([60, 100])) };
    },
  ),

  scenario({ id: 'reset.linger-after-fin', title: 'SO_LINGER 0 after shutdown' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await halfClose(pair);
    await pair.client.set(pair.c, 'lingerS', 0);
    await pair.client.close(pair.c);
    await serverIsReset(pair);
    const client: Outcome = { ...resetLocally([100, 0]), finSent: true };
    return { ends: pairEnds(pair, client, resetRemotely([0, 100], 'EPIPE')) };
  }),

  scenario(
    { id: 'reset.disconnect-after-fin', title: 'connect(AF_UNSPEC) after shutdown' },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await halfClose(pair);
      await pair.client.disconnect(pair.c);
      await serverIsReset(pair);
      await pair.client.close(pair.c);
      const client: Outcome = { ...resetLocally([100, 0]), finSent: true };
      return { ends: pairEnds(pair, client, resetRemotely([0, 100], 'EPIPE')) };
    },
  ),

  scenario(
    { id: 'reset.unread-half-closed', title: 'closed with unread data after shutdown' },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await halfClose(pair);
      await pair.server.send(pair.s, 400);
      await pair.client.until(pair.c, { unread: 400 });
      await pair.client.close(pair.c);
      await serverIsReset(pair);
      const client: Outcome = { ...resetLocally([100, 400]), finSent: true };
      return { ends: pairEnds(pair, client, resetRemotely([400, 100], 'EPIPE')) };
    },
  ),

  scenario({ id: 'reset.half-closed', title: 'RST after one FIN: the other end resets' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await halfClose(pair);
    await pair.server.set(pair.s, 'lingerS', 0);
    await pair.server.close(pair.s);
    await pair.client.until(pair.c, { state: 'CLOSE' });
    await pair.client.close(pair.c);
    const client: Outcome = { ...resetRemotely([100, 0]), finSent: true };
    return { ends: pairEnds(pair, client, resetLocally([0, 100])) };
  }),

  scenario({ id: 'reset.killed-mid-send', title: 'killed while the peer still sends' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await request(pair);
    await pair.server.send(pair.s, 400);
    await pair.client.receive(pair.c, 400);
    await pair.server.until(pair.s, { unacked: 0 });
    await pair.client.kill();
    await pair.server.until(pair.s, { state: 'CLOSE_WAIT' });
    await delayedAckIsSent(); // else the data brings it, meets the socket itself, and that is a reset
    await pair.server.send(pair.s, 60);
    await serverIsReset(pair);
    return {
      ends: pairEnds(pair, closed('process_exit', [100, 400]), resetRemotely([460, 100], 'EPIPE')),
    };
  }),

  scenario(
    { id: 'reset.admin', title: "ss -K destroys the client's socket", needs: ['ss'] },
    async (stage) => {
      const pair = await stage.pair({ clientAt: await stage.namespace() });
      await request(pair);
      await pair.clientAt.run(['ss', '-K', '-t', 'state', 'established', 'dport', '=', ':7000']);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await serverIsReset(pair);
      await pair.client.close(pair.c);
      const client: Outcome = {
        state: 'reset',
        resetSide: 'admin',
        closeReason: 'admin',
        error: 'ECONNABORTED',
        bytesSent: 100,
        bytesReceived: 0,
      };
      return { ends: pairEnds(pair, client, resetRemotely([0, 100])) };
    },
  ),

  scenario(
    { id: 'reset.firewall', title: 'a router resets the client mid-stream', needs: ['nft', 'veth'] },
    async (stage) => {
      const { left, router, right } = await stage.routed();
      const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v4 });
      await request(pair);
      await pair.client.until(pair.c, { unacked: 0 });
      await router.filter(['tcp dport 7000 reject with tcp reset'], 'forward');
      await pair.client.send(pair.c, 70);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      await router.filter([], 'forward');
      // The server goes on until its own payload meets no socket.
      await pair.server.send(pair.s, 20);
      await serverIsReset(pair);
      return { ends: pairEnds(pair, resetRemotely([170, 0]), resetRemotely([20, 100])) };
    },
  ),

  scenario(
    {
      id: 'reset.quota',
      title: 'a router resets the client once it has sent enough',
      needs: ['nft', 'veth'],
    },
    async (stage) => {
      const { left, router, right } = await stage.routed();
      // Of packets, headers and all: the request fits, the first full segment does not.
      const quota = 'tcp dport 7000 quota over 1000 bytes reject with tcp reset';
      await router.filter([quota], 'forward');
      const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v4 });
      await request(pair);
      await pair.server.send(pair.s, 300);
      await pair.client.receive(pair.c, 300);
      await pair.server.until(pair.s, { unacked: 0 });
      await pair.client.send(pair.c, 5000); // all of it leaves: less than ten segments, the first window
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      await router.filter([], 'forward');
      // The server goes on until its own payload meets no socket.
      await pair.server.send(pair.s, 20);
      await serverIsReset(pair);
      return { ends: pairEnds(pair, resetRemotely([5100, 300]), resetRemotely([320, 100])) };
    },
  ),
];
