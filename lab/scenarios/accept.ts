/** The listening side: who accepts, who does not, and what becomes of those who wait. */
import type { Actor, SocketId } from '../actor.ts';
import type { Namespace } from '../namespaces.ts';
import { attemptEnd, closed, pairEnds, resetLocally, resetRemotely, scenario } from '../scenario.ts';
import type { Outcome } from '../scenario.ts';
import type { Pair, Stage } from '../stage.ts';

const to = { ip: '127.0.0.1', port: 7000 };
/**
 * Dropped where it arrives: the client stays in SYN_SENT, the server keeps a request that is no socket yet.
 */
const loseSynAck = ['tcp sport 7000 tcp flags & (syn | ack) == syn | ack drop'];

/** A connection in the accept queue, which nobody has accepted; `s` of the pair is no socket of anyone. */
async function queued(stage: Stage, at: Namespace): Promise<Pair> {
  const { server, listener } = await stage.listening({ at, ...to });
  const client = await at.actor('client');
  const c = await client.socket();
  await client.connect(c, to);
  return { client, server, listener, c, s: -1, to, clientAt: at, serverAt: at };
}

async function startConnecting(at: Namespace, name: string): Promise<{ client: Actor; socket: SocketId }> {
  const client = await at.actor(name);
  const socket = await client.socket();
  await client.connectStart(socket, to);
  return { client, socket };
}

/** The client sends, the server reads, the client closes first. */
async function serve(pair: Pair, bytes: number): Promise<Pair> {
  await pair.client.send(pair.c, bytes);
  await pair.server.receive(pair.s, bytes);
  await pair.client.close(pair.c);
  await pair.server.receiveEnd(pair.s);
  await pair.server.close(pair.s);
  return pair;
}

function served(pair: Pair, bytes: number) {
  return pairEnds(pair, closed('fin_local', [bytes, 0]), closed('fin_remote', [0, bytes]));
}

const stopped: Outcome = { state: 'timed_out', timeoutBy: 'application' };

export const scenarios = [
  scenario(
    { id: 'accept.listener-closed', title: 'the listener is closed with a connection in its queue' },
    async (stage) => {
      const pair = await queued(stage, await stage.namespace());
      await pair.client.send(pair.c, 25);
      await pair.client.until(pair.c, { unacked: 0 });
      await pair.server.close(pair.listener);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      return { ends: pairEnds(pair, resetRemotely([25, 0]), resetLocally([0, 25])) };
    },
  ),

  scenario(
    { id: 'accept.listener-closed-half', title: 'as before, and the client had already closed' },
    async (stage) => {
      const at = await stage.namespace();
      const pair = await queued(stage, at);
      await pair.client.close(pair.c);
      // Until only the child is left: the client's socket has gone, what is left of it waits for the other
      // FIN.
      await at.settled(1);
      await pair.server.close(pair.listener);
      return { ends: pairEnds(pair, closed('fin_local', [0, 0]), resetLocally([0, 0])) };
    },
  ),

  scenario(
    { id: 'accept.listener-killed', title: 'the listening process is killed with a connection in its queue' },
    async (stage) => {
      const pair = await queued(stage, await stage.namespace());
      await pair.server.kill();
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      return { ends: pairEnds(pair, resetRemotely([0, 0]), resetLocally([0, 0], 'process_exit')) };
    },
  ),

  scenario(
    { id: 'accept.reset-in-queue', title: 'the client resets before anyone accepts' },
    async (stage) => {
      const pair = await queued(stage, await stage.namespace());
      await pair.client.send(pair.c, 25);
      await pair.client.until(pair.c, { unacked: 0 });
      await pair.client.set(pair.c, 'lingerS', 0);
      await pair.client.close(pair.c);
      return { ends: pairEnds(pair, resetLocally([25, 0]), resetRemotely([0, 25])) };
    },
  ),

  scenario(
    { id: 'accept.overflow', title: 'the accept queue is full: the SYN is dropped' },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ...to, backlog: 0 });
      const client = await at.actor('client');
      const c = await client.socket();
      await client.connect(c, to);
      const late = await startConnecting(at, 'late');
      await late.client.until(late.socket, { retransmits: 1 });
      await late.client.close(late.socket);
      const s = await server.accept(listener);
      const pair = await serve({ client, server, listener, c, s, to, clientAt: at, serverAt: at }, 10);
      return {
        ends: [attemptEnd({ process: 'late', at, to }, stopped), ...served(pair, 10)],
        evidence: [{ netns: at.inode, atLeast: { ListenOverflows: 1, ListenDrops: 1 } }],
      };
    },
  ),

  scenario(
    { id: 'accept.syn-queue-full', title: 'the SYN queue is full and there are no cookies', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      await at.sysctl({ 'ipv4/tcp_syncookies': 0, 'ipv4/tcp_synack_retries': 1 });
      await stage.listening({ at, ...to, backlog: 1 });
      await at.filter(loseSynAck);
      // Kernels differ by one in what a backlog of 1 lets in; the third SYN finds the queue full on all of
      // them.
      const names = ['first', 'second', 'third'];
      const clients = await Promise.all(names.map((name) => startConnecting(at, name)));
      for (const { client, socket } of clients) {
        await client.until(socket, { retransmits: 1 });
        await client.close(socket);
      }
      return {
        ends: names.map((process) => attemptEnd({ process, at, to }, stopped)),
        evidence: [{ netns: at.inode, atLeast: { TCPReqQFullDrop: 1, ListenDrops: 1 } }],
        neverSeen: 'a request is no socket: the listener repeats its SYN-ACK and forgets it',
      };
    },
  ),

  scenario(
    { id: 'accept.embryonic', title: 'the client is gone when the repeated SYN-ACK comes', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      await stage.listening({ at, ...to });
      await at.filter(loseSynAck);
      const { client, socket } = await startConnecting(at, 'client');
      await client.close(socket);
      await at.filter([]);
      return {
        ends: [attemptEnd({ process: 'client', at, to }, { state: 'canceled' })],
        neverSeen:
          'the RST that answers the SYN-ACK ends a request that is no socket: EmbryonicRsts, AttemptFails',
      };
    },
  ),

  scenario(
    { id: 'accept.synack-repeated', title: 'the first SYN-ACK is lost, a later one arrives', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ...to });
      await at.filter(loseSynAck);
      const { client, socket: c } = await startConnecting(at, 'client');
      await client.until(c, { retransmits: 1 });
      await at.filter([]);
      await client.connectFinish(c);
      const s = await server.accept(listener);
      const pair = await serve({ client, server, listener, c, s, to, clientAt: at, serverAt: at }, 10);
      return { ends: served(pair, 10), evidence: [{ netns: at.inode, atLeast: { RetransSegs: 2 } }] };
    },
  ),

  scenario({ id: 'accept.cookies', title: 'the connection comes out of a SYN cookie' }, async (stage) => {
    const at = await stage.namespace();
    await at.sysctl({ 'ipv4/tcp_syncookies': 2 });
    const pair = await serve(await stage.pair({ clientAt: at }), 10);
    return { ends: served(pair, 10), evidence: [{ netns: at.inode, atLeast: { SyncookiesRecv: 1 } }] };
  }),

  scenario({ id: 'accept.fastopen', title: 'the SYN carries payload (TCP fast open)' }, async (stage) => {
    const at = await stage.namespace();
    // 1 client, 2 server, 4 and 0x200: neither asks for a cookie.
    await at.sysctl({ 'ipv4/tcp_fastopen': 0x207 });
    const { server, listener } = await stage.listening({ at, ...to });
    await server.set(listener, 'fastopen', 16);
    const client = await at.actor('client');
    const c = await client.socket();
    await client.set(c, 'fastopenConnect', 1);
    await client.connectStart(c, to);
    await client.send(c, 300);
    const s = await server.accept(listener);
    await server.receive(s, 300);
    const pair = await serve({ client, server, listener, c, s, to, clientAt: at, serverAt: at }, 40);
    const atLeast = { TCPFastOpenActive: 1, TCPFastOpenPassive: 1 };
    return { ends: served(pair, 340), evidence: [{ netns: at.inode, atLeast }] };
  }),

  scenario(
    { id: 'accept.defer', title: 'TCP_DEFER_ACCEPT: accepted with the first payload' },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ...to });
      await server.set(listener, 'deferAcceptS', 5);
      const client = await at.actor('client');
      const c = await client.socket();
      await client.connect(c, to);
      await client.send(c, 10);
      const s = await server.accept(listener);
      await server.receive(s, 10);
      const pair = await serve({ client, server, listener, c, s, to, clientAt: at, serverAt: at }, 10);
      return { ends: served(pair, 20) };
    },
  ),

  scenario(
    { id: 'accept.forked-worker', title: 'a forked worker accepts from the inherited listener' },
    async (stage) => {
      const at = await stage.namespace();
      const { server, listener } = await stage.listening({ at, ...to, name: 'master' });
      const worker = await server.fork('worker');
      const client = await at.actor('client');
      const c = await client.socket();
      await client.connect(c, to);
      const s = await worker.accept(listener);
      const pair = await serve(
        { client, server: worker, listener, c, s, to, clientAt: at, serverAt: at },
        10,
      );
      // The listener's owner is the master; the one that accepted and closed is the worker.
      return { ends: served(pair, 10) };
    },
  ),

  scenario(
    { id: 'accept.forked-connection', title: 'the master accepts, a forked worker serves and closes' },
    async (stage) => {
      const at = await stage.namespace();
      const accepted = await stage.pair({ clientAt: at, serverName: 'master' });
      const worker = await accepted.server.fork('worker');
      await accepted.server.close(accepted.s);
      const pair = await serve({ ...accepted, server: worker }, 10);
      return { ends: served(pair, 10) };
    },
  ),
];
