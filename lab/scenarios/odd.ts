/** Rare ways to open, addresses of both families, sockets used twice, and connections that stay. */
import { holdPackets, routedAddress } from '../namespaces.ts';
import { attemptEnd, closed, pairEnds, scenario } from '../scenario.ts';
import type { ExpectedEnd, Outcome } from '../scenario.ts';
import type { Pair } from '../stage.ts';

const to = { ip: '127.0.0.1', port: 7000 };

/** A request of 300 bytes, an answer of 900; the client closes first. */
async function converse(pair: Pair): Promise<void> {
  await pair.client.send(pair.c, 300);
  await pair.server.receive(pair.s, 300);
  await pair.server.send(pair.s, 900);
  await pair.client.receive(pair.c, 900);
  await pair.client.close(pair.c);
  await pair.server.receiveEnd(pair.s);
  await pair.server.close(pair.s);
}

function conversed(pair: Pair, ip = pair.to.ip): ExpectedEnd[] {
  const ends = pairEnds(pair, closed('fin_local', [300, 900]), closed('fin_remote', [900, 300]));
  return ends.map((end) => ({ ...end, destinationIp: ip }));
}

export const scenarios = [
  scenario({ id: 'odd.ipv6', title: 'IPv6', needs: ['ipv6'] }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace(), ip: '::1' });
    await converse(pair);
    return { ends: conversed(pair) };
  }),

  scenario(
    { id: 'odd.ipv6-routed', title: 'IPv6 through a router', needs: ['ipv6', 'veth'] },
    async (stage) => {
      const { left, right } = await stage.routed();
      const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v6 });
      await converse(pair);
      return { ends: conversed(pair) };
    },
  ),

  scenario(
    { id: 'odd.mapped', title: 'IPv4 to a dual-stack listener: the server socket is IPv6', needs: ['ipv6'] },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ip: '::', port: to.port });
      const client = await at.actor('client');
      const c = await client.socket('tcp4');
      await client.connect(c, to);
      const s = await server.accept(listener);
      const pair = { client, server, listener, c, s, to, clientAt: at, serverAt: at };
      await converse(pair);
      return { ends: conversed(pair) };
    },
  ),

  scenario(
    { id: 'odd.mapped-client', title: 'an IPv6 socket connects to a mapped IPv4 address', needs: ['ipv6'] },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ...to });
      const client = await at.actor('client');
      const c = await client.socket('tcp6');
      await client.connect(c, { ip: '::ffff:127.0.0.1', port: to.port });
      const s = await server.accept(listener);
      const pair = { client, server, listener, c, s, to, clientAt: at, serverAt: at };
      await converse(pair);
      return { ends: conversed(pair) };
    },
  ),

  scenario({ id: 'odd.self', title: 'a socket connected to itself' }, async (stage) => {
    const at = await stage.namespace();
    const client = await at.actor('client');
    const socket = await client.socket();
    await client.bind(socket, to.ip, to.port);
    await client.connect(socket, to);
    await client.send(socket, 40);
    await client.receive(socket, 40);
    await client.close(socket);
    // One socket, both ends: no passive open, and its own FIN is the peer's.
    const outcome: Outcome = { ...closed('fin_both', [40, 40]), established: true };
    return { ends: [attemptEnd({ process: 'client', at, to }, outcome)] };
  }),

  scenario(
    { id: 'odd.simultaneous-open', title: 'two connects cross: nobody listens', needs: ['veth'] },
    async (stage) => {
      const routed = await stage.routed();
      const [left, right] = await Promise.all([routed.left.actor('left'), routed.right.actor('right')]);
      const [l, r] = [await left.socket(), await right.socket()];
      const toLeft = { ip: routedAddress.left.v4, port: 7001 };
      const toRight = { ip: routedAddress.right.v4, port: 7002 };
      await left.bind(l, toLeft.ip, toLeft.port);
      await right.bind(r, toRight.ip, toRight.port);
      const release = await holdPackets(routed);
      await left.connectStart(l, toRight);
      await right.connectStart(r, toLeft);
      await release();
      await left.connectFinish(l);
      await right.connectFinish(r);
      await left.send(l, 300);
      await right.receive(r, 300);
      await left.close(l);
      await right.receiveEnd(r);
      await right.close(r);
      const established = true;
      return {
        ends: [
          attemptEnd(
            { process: 'left', at: routed.left, to: toRight },
            { ...closed('fin_local', [300, 0]), established },
          ),
          attemptEnd(
            { process: 'right', at: routed.right, to: toLeft },
            { ...closed('fin_remote', [0, 300]), established },
          ),
        ],
      };
    },
  ),

  scenario({ id: 'odd.mptcp', title: 'MPTCP with one subflow', needs: ['mptcp'] }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace(), kind: 'mptcp4' });
    await converse(pair);
    // The parents (protocol 262) are no TCP sockets; each subflow is one. Which of their FINs is first
    // depends on when the kernel's MPTCP worker runs, so the reason is not promised.
    const { closeReason: _c, ...client } = closed('fin_local', [300, 900]);
    const { closeReason: _s, ...server } = closed('fin_remote', [900, 300]);
    return { ends: pairEnds(pair, client, server) };
  }),

  scenario({ id: 'odd.reused', title: 'refused, then the same socket connects' }, async (stage) => {
    const at = await stage.namespace();
    const client = await at.actor('client');
    const c = await client.socket();
    // Blocking: a non-blocking socket whose error was read by SO_ERROR fails its next connect with
    // ECONNABORTED.
    await client.connect(c, to, { block: true }).catch(() => undefined);
    const other = { ip: '127.0.0.1', port: 7001 };
    const { server, listener } = await stage.listening({ at, ...other });
    await client.connect(c, other);
    const s = await server.accept(listener);
    const pair = { client, server, listener, c, s, to: other, clientAt: at, serverAt: at };
    await converse(pair);
    const refused: Outcome = { state: 'refused', error: 'ECONNREFUSED' };
    return { ends: [attemptEnd({ process: 'client', at, to }, refused), ...conversed(pair)] };
  }),

  scenario({ id: 'odd.open', title: 'a connection that stays' }, async (stage) => {
    const pair = await stage.pair({ clientAt: await stage.namespace() });
    await pair.client.send(pair.c, 300);
    await pair.server.receive(pair.s, 300);
    await pair.client.until(pair.c, { unacked: 0 });
    return {
      ends: pairEnds(
        pair,
        { state: 'open', bytesSent: 300, bytesReceived: 0 },
        { state: 'open', bytesSent: 0, bytesReceived: 300 },
      ),
    };
  }),

  scenario({ id: 'odd.connecting', title: 'an attempt that stays', needs: ['nft'] }, async (stage) => {
    const at = await stage.namespace();
    await at.filter(['tcp dport 7000 drop']);
    const client = await at.actor('client');
    await client.connectStart(await client.socket(), to);
    return { ends: [attemptEnd({ process: 'client', at, to }, { state: 'open' })] };
  }),

  scenario(
    { id: 'odd.outlived', title: 'the process that connected exits, a forked child goes on' },
    async (stage) => {
      const connected = await stage.pair({ clientAt: await stage.namespace(), clientName: 'parent' });
      const child = await connected.client.fork('child');
      await connected.client.exit();
      const pair = { ...connected, client: child };
      await converse(pair);
      // The opener stays the owner: its exit closed nothing, and no sweep came by to find the child with it.
      return { ends: conversed({ ...pair, client: connected.client }) };
    },
  ),
];
