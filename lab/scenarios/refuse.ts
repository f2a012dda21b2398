/** Attempts that something on the way, or the far host, turns down. */
import type { ActorError } from '../channel.ts';
import { routedAddress } from '../namespaces.ts';
import type { Namespace } from '../namespaces.ts';
import { attemptEnd, scenario } from '../scenario.ts';
import type { ExpectedEnd, Need, Outcome, Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const port = 7000;
const refused: Outcome = { state: 'refused', error: 'ECONNREFUSED' };

/** Connects, expects this errno, closes. */
async function attempt(
  options: { at: Namespace; ip: string; errno: string; block?: boolean },
  outcome: Outcome,
): Promise<ExpectedEnd> {
  const { at, ip, errno } = options;
  const client = await at.actor('client');
  const socket = await client.socket(ip.includes(':') ? 'tcp6' : 'tcp4');
  const result = await client.connect(socket, { ip, port }, { block: options.block ?? false }).then(
    () => 'connected',
    (error: unknown) => (error as ActorError).errno,
  );
  if (result !== errno) throw new Error(`connect to ${ip}: ${result}, not ${errno}`);
  await client.close(socket);
  return attemptEnd({ process: client.name, at, to: { ip, port } }, outcome);
}

/** An attempt through the router, whose forward chain has this rule. */
function throughRouter(
  about: { id: string; title: string },
  how: { rule: string; version: 'v4' | 'v6'; errno: string },
  state: Outcome['state'],
): Scenario {
  return scenario({ ...about, needs: ['nft', 'veth'] }, async (stage: Stage) => {
    const { left, router } = await stage.routed();
    await router.filter([`tcp dport ${port} reject with ${how.rule}`], 'forward');
    const ip = routedAddress.right[how.version];
    // On one machine the first ICMP error comes while connect() still owns the socket, and is only noted. A
    // blocking connect() sleeps on; the error that answers the repeated SYN ends the attempt.
    const outcome = { state, error: how.errno };
    return { ends: [await attempt({ at: left, ip, errno: how.errno, block: true }, outcome)] };
  });
}

/**
 * As above, but polled. From 6.2 on (IPv4 only) the noted error wakes poll() and SO_ERROR tells it at once,
 * so that the application closes in SYN_SENT with sk_err 0: as a state sequence the same as a cancellation.
 * Before 6.2 poll() sleeps until the second error. The record's word is the same: ICMP port unreachable ended
 * it.
 */
function noted(about: { id: string; title: string }): Scenario {
  return scenario({ ...about, needs: ['nft', 'veth'] }, async (stage: Stage) => {
    const { left, router } = await stage.routed();
    await router.filter([`tcp dport ${port} reject with icmp type port-unreachable`], 'forward');
    const client = await left.actor('client');
    const to = { ip: routedAddress.right.v4, port };
    const socket = await client.socket();
    await client.connectStart(socket, to);
    const told = await client.connectFinish(socket).then(
      () => 'connected',
      (error: unknown) => (error as ActorError).errno,
    );
    if (told !== 'ECONNREFUSED') throw new Error(`told ${told}`);
    const { state } = await client.query(socket);
    await client.close(socket);
    const soft = state === 'SYN_SENT' ? { softError: true as const } : {};
    return { ends: [attemptEnd({ process: client.name, at: left, to }, { ...refused, ...soft })] };
  });
}

const veth: readonly Need[] = ['veth'];

export const scenarios = [
  scenario({ id: 'refuse.closed-port', title: 'nobody listens' }, async (stage) => {
    const at = await stage.namespace();
    return { ends: [await attempt({ at, ip: '127.0.0.1', errno: 'ECONNREFUSED' }, refused)] };
  }),

  scenario({ id: 'refuse.blocking', title: 'nobody listens, in a blocking connect()' }, async (stage) => {
    const at = await stage.namespace();
    return { ends: [await attempt({ at, ip: '127.0.0.1', errno: 'ECONNREFUSED', block: true }, refused)] };
  }),

  scenario({ id: 'refuse.ipv6', title: 'nobody listens at ::1', needs: ['ipv6'] }, async (stage) => {
    const at = await stage.namespace();
    return { ends: [await attempt({ at, ip: '::1', errno: 'ECONNREFUSED' }, refused)] };
  }),

  scenario({ id: 'refuse.far', title: 'nobody listens on another host', needs: veth }, async (stage) => {
    const { left } = await stage.routed();
    return {
      ends: [await attempt({ at: left, ip: routedAddress.right.v4, errno: 'ECONNREFUSED' }, refused)],
    };
  }),

  throughRouter(
    { id: 'refuse.firewall', title: 'the router answers with a RST' },
    { rule: 'tcp reset', version: 'v4', errno: 'ECONNREFUSED' },
    'refused',
  ),
  throughRouter(
    { id: 'refuse.port-unreachable', title: 'the router answers with ICMP port unreachable' },
    { rule: 'icmp type port-unreachable', version: 'v4', errno: 'ECONNREFUSED' },
    'refused',
  ),
  throughRouter(
    { id: 'refuse.host-unreachable', title: 'the router answers with ICMP host unreachable' },
    { rule: 'icmp type host-unreachable', version: 'v4', errno: 'EHOSTUNREACH' },
    'unreachable',
  ),
  throughRouter(
    { id: 'refuse.net-unreachable', title: 'the router answers with ICMP net unreachable' },
    { rule: 'icmp type net-unreachable', version: 'v4', errno: 'ENETUNREACH' },
    'unreachable',
  ),
  throughRouter(
    { id: 'refuse.prohibited', title: 'the router answers with ICMP administratively prohibited' },
    { rule: 'icmp type admin-prohibited', version: 'v4', errno: 'EHOSTUNREACH' },
    'unreachable',
  ),
  throughRouter(
    { id: 'refuse.ipv6-port-unreachable', title: 'the router answers with ICMPv6 port unreachable' },
    { rule: 'icmpv6 type port-unreachable', version: 'v6', errno: 'ECONNREFUSED' },
    'refused',
  ),
  throughRouter(
    { id: 'refuse.ipv6-prohibited', title: 'the router answers with ICMPv6 administratively prohibited' },
    { rule: 'icmpv6 type admin-prohibited', version: 'v6', errno: 'EACCES' },
    'unreachable',
  ),

  noted({
    id: 'refuse.port-unreachable-noted',
    title: 'a non-blocking connect is told of a noted ICMP error',
  }),

  scenario(
    { id: 'refuse.unreachable-route', title: 'the router has an unreachable route', needs: veth },
    async (stage) => {
      const { left, router } = await stage.routed();
      const ip = '10.31.9.9';
      await router.ip(`route add unreachable ${ip}`);
      return {
        ends: [
          await attempt(
            { at: left, ip, errno: 'EHOSTUNREACH', block: true },
            { state: 'unreachable', error: 'EHOSTUNREACH' },
          ),
        ],
      };
    },
  ),

  scenario(
    { id: 'refuse.no-neighbour', title: 'nobody answers ARP for the address', needs: veth },
    async (stage) => {
      const { right } = await stage.routed();
      const ip = routedAddress.nobody.v4;
      await right.sysctl({ 'ipv4/neigh/eth0/mcast_solicit': 1 });
      return {
        ends: [
          await attempt(
            { at: right, ip, errno: 'EHOSTUNREACH' },
            { state: 'unreachable', error: 'EHOSTUNREACH' },
          ),
        ],
      };
    },
  ),

  scenario({ id: 'refuse.no-route', title: 'no route: connect() fails before any state' }, async (stage) => {
    const at = await stage.namespace();
    await attempt({ at, ip: '192.0.2.1', errno: 'ENETUNREACH' }, { state: 'failed' });
    return { ends: [], neverSeen: 'a connect() refused for want of a route makes no socket state' };
  }),
];
