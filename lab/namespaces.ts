/**
 * Throwaway network namespaces. Each is held by a keeper, an actor that unshared it, and has no name: it is
 * gone when its keeper is, and the keeper dies with this process however this process ends. So nothing is
 * ever left to sweep, no handler for signals is needed, and no interface is ever made in the host's own
 * namespace. Enter one with `nsenter --net=/proc/PID/ns/net`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Actor } from './actor.ts';

/**
 * The kernel's own counts for one namespace since it was made, by their names in /proc/net/snmp and netstat.
 */
const counterNames = [
  'ActiveOpens',
  'PassiveOpens',
  'AttemptFails',
  'EstabResets',
  'RetransSegs',
  'OutRsts',
  'EmbryonicRsts',
  'ListenOverflows',
  'ListenDrops',
  'SyncookiesRecv',
  'TCPReqQFullDrop',
  'TCPFastOpenActive',
  'TCPFastOpenPassive',
] as const;
export type Counters = Readonly<Record<(typeof counterNames)[number], number>>;

/**
 * A row of /proc/net/tcp or tcp6: the kernel's numbers of the state and of the timer under way, and the
 * ports.
 */
export type SocketRow = {
  readonly state: number;
  readonly timer: number;
  readonly localPort: number;
  readonly remotePort: number;
};

/** TCP_LISTEN of include/net/tcp_states.h. */
const stateListen = 10;
/**
 * What is left of an ended socket, in TIME_WAIT or still called FIN_WAIT2, shows timer 3 and nothing else
 * does.
 */
const timerTimeWait = 3;

/** Parses the pairs of lines (names, values) of /proc/net/snmp and /proc/net/netstat. */
export function parseCounters(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const names = (lines[i] ?? '').split(' ');
    const values = (lines[i + 1] ?? '').split(' ');
    if (names[0] !== 'Tcp:' && names[0] !== 'TcpExt:') continue;
    names.forEach((name, column) => found.set(name, Number(values[column])));
  }
  return found;
}

export class Namespace {
  readonly name: string;
  /** Of /proc/PID/ns/net: what the kernel side calls this namespace. */
  readonly inode: number;
  readonly #keeper: Actor;
  readonly #actors: Actor[] = [];

  private constructor(name: string, keeper: Actor, inode: number) {
    this.name = name;
    this.#keeper = keeper;
    this.inode = inode;
  }

  /** A fresh namespace with only `lo`, up. */
  static async open(name = 'lonely'): Promise<Namespace> {
    const { actor, netns } = await Actor.start({ name: 'lab-netns', netns: 'new' });
    return new Namespace(name, actor, netns);
  }

  get keeperPid(): number {
    return this.#keeper.pid;
  }

  get path(): string {
    return `/proc/${this.#keeper.pid}/ns/net`;
  }

  /** Starts an actor here; it ends with the namespace. */
  async actor(name: string): Promise<Actor> {
    const { actor } = await Actor.start({ name, netns: this.path });
    this.#actors.push(actor);
    return actor;
  }

  /** Sets values of this namespace, by path below /proc/sys/net. */
  async sysctl(values: Readonly<Record<string, string | number>>): Promise<void> {
    for (const [path, value] of Object.entries(values)) await this.#keeper.sysctl(`net/${path}`, value);
  }

  /** Runs a program here and gives its output; throws when it fails. */
  async run(argv: readonly string[], input = ''): Promise<string> {
    const { status, text } = await this.#keeper.run(argv, { input });
    if (status !== 0) throw new Error(`${argv.join(' ')} in ${this.name}: status ${status}: ${text}`);
    return text;
  }

  /** Many `ip` commands at the price of one process. */
  async ip(...commands: readonly string[]): Promise<void> {
    await this.run(['ip', '-batch', '-'], commands.join('\n') + '\n');
  }

  async nft(script: string): Promise<void> {
    await this.run(['nft', '-f', '-'], script + '\n');
  }

  /**
   * Filters what arrives here, in table `lab`: `rules` replace the ones before; none lets everything pass.
   * The default hook is input: a packet dropped on its sender's way out would be known to the sender's TCP.
   */
  async filter(rules: readonly string[], hook: 'input' | 'forward' = 'input'): Promise<void> {
    const chain = ['chain lab {', `type filter hook ${hook} priority 0; policy accept;`, ...rules, '}'];
    await this.nft(['table inet lab', 'delete table inet lab', 'table inet lab {', ...chain, '}'].join('\n'));
  }

  counters(): Counters {
    const folder = `/proc/${this.#keeper.pid}/net`;
    const found = parseCounters(readFileSync(`${folder}/snmp`, 'utf8'));
    const more = parseCounters(readFileSync(`${folder}/netstat`, 'utf8'));
    const entries = counterNames.map((name) => [name, found.get(name) ?? more.get(name) ?? 0]);
    return Object.fromEntries(entries) as Counters;
  }

  /** The kernel's own counts of UDP datagrams that were read and sent here, both families. */
  udpCounters(): { readonly read: number; readonly sent: number; readonly dropped: number } {
    const folder = `/proc/${this.#keeper.pid}/net`;
    const lines = readFileSync(`${folder}/snmp`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('Udp: '));
    const v4 = (name: string) => Number(lines[1]?.split(' ')[lines[0]?.split(' ').indexOf(name) ?? -1] ?? 0);
    const six = readFileSync(`${folder}/snmp6`, 'utf8');
    const v6 = (name: string) => Number(new RegExp(`^Udp6${name}\\s+(\\d+)$`, 'm').exec(six)?.[1] ?? 0);
    const both = (name: string) => v4(name) + v6(name);
    return { read: both('InDatagrams'), sent: both('OutDatagrams'), dropped: both('InErrors') };
  }

  /** ICMP errors that the kernel sent here, both families. */
  unreachablesSent(): number {
    const folder = `/proc/${this.#keeper.pid}/net`;
    const [names = '', values = ''] = readFileSync(`${folder}/snmp`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('Icmp: '));
    const v4 = Number(values.split(' ')[names.split(' ').indexOf('OutDestUnreachs')]);
    const six = readFileSync(`${folder}/snmp6`, 'utf8');
    return v4 + Number(/^Icmp6OutDestUnreachs\s+(\d+)$/m.exec(six)?.[1]);
  }

  sockets(): SocketRow[] {
    return ['tcp', 'tcp6'].flatMap((file) => {
      const lines = readFileSync(`/proc/${this.#keeper.pid}/net/${file}`, 'utf8').trim().split('\n').slice(1);
      return lines.map((line) => {
        const [, local, remote, state = '', , timer = ''] = line.trim().split(/\s+/);
        const port = (address = ''): number => parseInt(address.slice(address.lastIndexOf(':') + 1), 16);
        return {
          state: parseInt(state, 16),
          timer: parseInt(timer, 16),
          localPort: port(local),
          remotePort: port(remote),
        };
      });
    });
  }

  /** Connections the kernel still holds: not listeners, not what is left of ended ones. */
  live(): SocketRow[] {
    return this.sockets().filter((row) => row.state !== stateListen && row.timer !== timerTimeWait);
  }

  /** Resolves once no more than `open` connections are left. */
  async settled(open = 0, boundMs = 15_000): Promise<void> {
    const end = performance.now() + boundMs;
    for (;;) {
      const live = this.live();
      if (live.length <= open) return;
      if (performance.now() > end) throw new Error(`${this.name}: still there: ${JSON.stringify(live)}`);
      await sleep(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const actor of [...this.#actors, this.#keeper]) await actor[Symbol.asyncDispose]();
  }
}

/** Two hosts joined by a router, IPv4 and IPv6, with veth pairs that never touch any other namespace. */
export type Routed = {
  readonly left: Namespace;
  readonly router: Namespace;
  readonly right: Namespace;
};

/** The addresses of a routed topology. Nothing answers at `nobody`, which is on the right host's link. */
export const routedAddress = {
  left: { v4: '10.31.1.2', v6: 'fd31:1::2' },
  right: { v4: '10.31.2.2', v6: 'fd31:2::2' },
  leftGateway: { v4: '10.31.1.1', v6: 'fd31:1::1' },
  rightGateway: { v4: '10.31.2.1', v6: 'fd31:2::1' },
  nobody: { v4: '10.31.2.99', v6: 'fd31:2::99' },
} as const;

async function joinHost(router: Namespace, host: Namespace, side: 'left' | 'right'): Promise<void> {
  const own = routedAddress[side];
  const gateway = routedAddress[side === 'left' ? 'leftGateway' : 'rightGateway'];
  // nodad: an IPv6 address is unusable for a second or two while the kernel looks for duplicates.
  await router.ip(
    `link add ${side} type veth peer name eth0 netns ${host.keeperPid}`,
    `addr add ${gateway.v4}/24 dev ${side}`,
    `addr add ${gateway.v6}/64 dev ${side} nodad`,
    `link set ${side} up`,
  );
  await host.ip(
    `addr add ${own.v4}/24 dev eth0`,
    `addr add ${own.v6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${gateway.v4}`,
    `route add default via ${gateway.v6}`,
  );
}

/** Makes the links, addresses and routes between three fresh namespaces. */
export async function joinByRouter({ left, router, right }: Routed): Promise<void> {
  // Otherwise ICMP errors are limited to one a second per peer, and the error that a scenario waits for may
  // not come.
  await router.sysctl({
    'ipv4/ip_forward': 1,
    'ipv6/conf/all/forwarding': 1,
    'ipv4/icmp_ratelimit': 0,
    'ipv6/icmp/ratelimit': 0,
  });
  // Nor may the first second go by in looking for duplicates of the link-local addresses that ND uses.
  const quiet = { 'ipv6/conf/all/accept_dad': 0, 'ipv6/conf/default/accept_dad': 0 };
  await Promise.all([left, router, right].map((host) => host.sysctl(quiet)));
  await Promise.all([joinHost(router, left, 'left'), joinHost(router, right, 'right')]);
}

/**
 * Lets packets of both hosts cross on the way: the router answers no ARP and the hosts forget its address, so
 * what they send waits in the queue of an address being looked for. `release` tells them, and the packets go,
 * those of the left host first. To be called within the three seconds after which the kernel gives the search
 * up.
 */
export async function holdPackets({ left, router, right }: Routed): Promise<() => Promise<void>> {
  await router.sysctl({ 'ipv4/conf/all/arp_ignore': 8 });
  const links = await router.run(['ip', '-o', 'link', 'show']);
  const releases: [Namespace, string][] = [];
  for (const [host, side] of [
    [left, 'left'],
    [right, 'right'],
  ] as const) {
    const link = new RegExp(`${side}@.*link/ether (\\S+)`).exec(links)?.[1];
    if (!link) throw new Error(`no link ${side} in the router: ${links}`);
    await host.run(['ip', 'neigh', 'flush', 'dev', 'eth0']);
    const gateway = routedAddress[`${side}Gateway`].v4;
    releases.push([host, `neigh replace ${gateway} lladdr ${link} dev eth0 nud permanent`]);
  }
  return async () => {
    for (const [host, command] of releases) await host.ip(command);
  };
}
