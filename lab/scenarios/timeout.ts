/** Connections and attempts on which somebody gave up waiting. */
import { routedAddress } from '../namespaces.ts';
import type { Namespace } from '../namespaces.ts';
import { attemptEnd, closed, pairEnds, resetRemotely, scenario } from '../scenario.ts';
import type { Outcome } from '../scenario.ts';
import type { Pair, Stage } from '../stage.ts';

const to = { ip: '127.0.0.1', port: 7000 };
/** Dropped where they arrive, in both directions: neither end learns anything. */
const silence = ['tcp dport 7000 drop', 'tcp sport 7000 drop'];

const gaveUp: Outcome = {
  state: 'timed_out',
  timeoutBy: 'kernel',
  closeReason: 'timeout',
  error: 'ETIMEDOUT',
};
const stopped: Outcome = { state: 'timed_out', timeoutBy: 'application' };

/** A pair over which nothing passes any more. */
async function silencedPair(stage: Stage): Promise<Pair> {
  const pair = await stage.pair({ clientAt: await stage.namespace() });
  await pair.client.send(pair.c, 200);
  await pair.server.receive(pair.s, 200);
  await pair.client.until(pair.c, { unacked: 0 });
  return pair;
}

/** The other end, which never learned of it: its next payload meets no socket and is answered with a RST. */
async function serverLearns(pair: Pair): Promise<Outcome> {
  await pair.clientAt.filter([]);
  await pair.server.send(pair.s, 50);
  await pair.server.until(pair.s, { state: 'CLOSE' });
  await pair.server.close(pair.s);
  return resetRemotely([50, 200]);
}

async function synToNobody(at: Namespace, name = 'client') {
  await at.filter(['tcp dport 7000 drop']);
  const client = await at.actor(name);
  const socket = await client.socket();
  return { client, socket };
}

export const scenarios = [
  scenario(
    { id: 'timeout.syn-kernel', title: 'no answer to any SYN, the kernel gives up', needs: ['nft'] },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket } = await synToNobody(at);
      await client.set(socket, 'synCount', 1);
      await client.connect(socket, to).catch(() => undefined);
      await client.close(socket);
      return { ends: [attemptEnd({ process: 'client', at, to }, gaveUp)] };
    },
  ),

  scenario(
    { id: 'timeout.blackhole', title: 'a blackhole route swallows the SYNs', needs: ['veth'] },
    async (stage) => {
      const { left, router } = await stage.routed();
      await left.sysctl({ 'ipv4/tcp_syn_retries': 1 });
      const far = { ip: '10.31.9.9', port: 7000 };
      await router.ip(`route add blackhole ${far.ip}`);
      const client = await left.actor('client');
      const socket = await client.socket();
      await client.connect(socket, far, { block: true }).catch(() => undefined);
      await client.close(socket);
      return { ends: [attemptEnd({ process: 'client', at: left, to: far }, gaveUp)] };
    },
  ),

  scenario(
    {
      id: 'timeout.syn-application',
      title: 'the application closes after an unanswered SYN retransmission',
      needs: ['nft'],
    },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket } = await synToNobody(at);
      await client.connectStart(socket, to);
      await client.until(socket, { retransmits: 1 });
      await client.close(socket);
      return { ends: [attemptEnd({ process: 'client', at, to }, stopped)] };
    },
  ),

  scenario(
    {
      id: 'timeout.syn-disconnect',
      title: 'connect(AF_UNSPEC) after an unanswered SYN retransmission',
      needs: ['nft'],
    },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket } = await synToNobody(at);
      await client.connectStart(socket, to);
      await client.until(socket, { retransmits: 1 });
      await client.disconnect(socket);
      await client.close(socket);
      return { ends: [attemptEnd({ process: 'client', at, to }, stopped)] };
    },
  ),

  scenario(
    {
      id: 'timeout.syn-killed',
      title: 'the process is killed after an unanswered SYN retransmission',
      needs: ['nft'],
    },
    async (stage) => {
      const at = await stage.namespace();
      const { client, socket } = await synToNobody(at);
      await client.connectStart(socket, to);
      await client.until(socket, { retransmits: 1 });
      await client.kill();
      const outcome: Outcome = { ...stopped, closeReason: 'process_exit' };
      return { ends: [attemptEnd({ process: 'client', at, to }, outcome)] };
    },
  ),

  scenario(
    { id: 'timeout.keepalive', title: 'keepalive probes go unanswered', needs: ['nft'] },
    async (stage) => {
      const pair = await silencedPair(stage);
      await pair.clientAt.filter(silence);
      await pair.client.set(pair.c, 'keepaliveIdleS', 1);
      await pair.client.set(pair.c, 'keepaliveIntervalS', 1);
      await pair.client.set(pair.c, 'keepaliveCount', 1);
      await pair.client.set(pair.c, 'keepalive', 1);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      const client: Outcome = { ...gaveUp, closeReason: 'keepalive', bytesSent: 200, bytesReceived: 0 };
      return { ends: pairEnds(pair, client, await serverLearns(pair)) };
    },
  ),

  scenario(
    { id: 'timeout.user-timeout', title: 'TCP_USER_TIMEOUT runs out on unacknowledged data', needs: ['nft'] },
    async (stage) => {
      const pair = await silencedPair(stage);
      await pair.clientAt.filter(silence);
      await pair.client.set(pair.c, 'userTimeoutMs', 500);
      await pair.client.send(pair.c, 30);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      return {
        ends: pairEnds(pair, { ...gaveUp, bytesSent: 230, bytesReceived: 0 }, await serverLearns(pair)),
      };
    },
  ),

  scenario(
    { id: 'timeout.retries2', title: 'tcp_retries2 runs out on unacknowledged data', needs: ['nft'] },
    async (stage) => {
      const pair = await silencedPair(stage);
      await pair.clientAt.sysctl({ 'ipv4/tcp_retries2': 1 });
      await pair.clientAt.filter(silence);
      await pair.client.send(pair.c, 30);
      await pair.client.until(pair.c, { state: 'CLOSE' });
      await pair.client.close(pair.c);
      return {
        ends: pairEnds(pair, { ...gaveUp, bytesSent: 230, bytesReceived: 0 }, await serverLearns(pair)),
      };
    },
  ),

  scenario(
    { id: 'timeout.orphan', title: 'a closed socket never gets its FIN acknowledged', needs: ['nft'] },
    async (stage) => {
      const pair = await silencedPair(stage);
      await pair.clientAt.sysctl({ 'ipv4/tcp_orphan_retries': 1 });
      await pair.clientAt.filter(silence);
      await pair.client.close(pair.c);
      await pair.clientAt.settled(1);
      const client: Outcome = { ...gaveUp, finSent: true, bytesSent: 200, bytesReceived: 0 };
      return { ends: pairEnds(pair, client, await serverLearns(pair)) };
    },
  ),

  scenario(
    { id: 'timeout.recovered', title: 'a quiet path comes back in time: no timeout', needs: ['nft'] },
    async (stage) => {
      const pair = await silencedPair(stage);
      await pair.clientAt.filter(silence);
      await pair.client.send(pair.c, 30);
      await pair.client.until(pair.c, { retransmits: 1 });
      await pair.clientAt.filter([]);
      await pair.server.receive(pair.s, 30);
      await pair.client.close(pair.c);
      await pair.server.receiveEnd(pair.s);
      await pair.server.close(pair.s);
      return { ends: pairEnds(pair, closed('fin_local', [230, 0]), closed('fin_remote', [0, 230])) };
    },
  ),

  scenario(
    { id: 'timeout.syn-recovered', title: 'the first SYN is lost, the second gets through', needs: ['veth'] },
    async (stage) => {
      const { left, router, right } = await stage.routed();
      const far = { ip: routedAddress.right.v4, port: 7000 };
      await router.ip(`route add blackhole ${far.ip}`);
      const { server, listener } = await stage.listening({ at: right, ...far });
      const client = await left.actor('client');
      const c = await client.socket();
      await client.connectStart(c, far);
      // Early: the route has to go before the retransmission.
      await router.ip(`route del blackhole ${far.ip}`);
      await client.connectFinish(c);
      const s = await server.accept(listener);
      await client.close(c);
      await server.receiveEnd(s);
      await server.close(s);
      const pair = { client, server, listener, c, s, to: far, clientAt: left, serverAt: right };
      return { ends: pairEnds(pair, closed('fin_local', [0, 0]), closed('fin_remote', [0, 0])) };
    },
  ),
];
