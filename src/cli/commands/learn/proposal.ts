/**
 * Expectations proposed from what was seen. One entry per environment, workload and process; its destinations
 * by name before address, and together where they have the same ports. The same history gives the same text.
 */

import { getDomain } from 'tldts';
import { formatNetwork, isPublic, parseAddress } from '../../../lib/address.ts';
import type { Destination, DestinationList } from '../../../question/destination.ts';
import { portTexts } from './ports.ts';

export const learnLimits = {
  /** More names of one registered domain become all of it. */
  namesOfDomainMax: 3,
  /** More private addresses of one network (/24, /64) become all of it. */
  addressesOfNetworkMax: 2,
} as const;

/** How often and when. */
export interface Sighting {
  readonly connections: number;
  readonly days: ReadonlySet<number>;
  readonly last: string;
}

export interface Item extends Sighting {
  readonly kind: 'name' | 'network' | 'metadata';
  /** A pattern, an address or a network. */
  readonly text: string;
  /** Names or addresses that it stands for. */
  readonly members: number;
}

export interface ProposedTarget {
  readonly items: readonly Item[];
  /** Empty for all. */
  readonly ports: readonly string[];
  readonly transport: string;
}

export interface Proposed {
  readonly whom: Pick<Destination, 'environment' | 'workload' | 'process'>;
  readonly owner: string;
  readonly first: string;
  readonly last: string;
  readonly targets: readonly ProposedTarget[];
  /** In words, with how many. */
  readonly leftOut: readonly string[];
}

const metadataAddresses: ReadonlySet<string> = new Set(['169.254.169.254', 'fd00:ec2::254']);

/** What was written as a pattern would allow more than what was seen. */
export function withoutPattern(text: string): string {
  return text.replaceAll('*', '?');
}

function joined(items: readonly Item[], as: Pick<Item, 'kind' | 'text'>): Item {
  return {
    ...as,
    members: items.reduce((sum, { members }) => sum + members, 0),
    connections: items.reduce((sum, { connections }) => sum + connections, 0),
    days: items.reduce((all, { days }) => all.union(days), new Set<number>()),
    last: items.map(({ last }) => last).reduce((a, b) => (a > b ? a : b)),
  };
}

export function groupBy<T>(all: readonly T[], key: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) groups.set(key(each), [...(groups.get(key(each)) ?? []), each]);
  return groups;
}

function itemOf({ name, ip, connections_opened: connections, days, last_seen: last }: Destination): Item {
  const seen = { connections, days: new Set(days), last, members: 1 };
  if (name !== '') return { kind: 'name', text: withoutPattern(name.toLowerCase()), ...seen };
  return { kind: metadataAddresses.has(ip) ? 'metadata' : 'network', text: ip, ...seen };
}

/** The registered domain of a name by DNS; also that of who is a customer of one, as of a cloud's storage. */
function domainOf(name: string): string | undefined {
  return getDomain(name, { allowPrivateDomains: true }) ?? undefined;
}

/** Of a private address: the network that is taken where several are in it. */
function networkOf(ip: string): string | undefined {
  const view = parseAddress(ip);
  return view && !isPublic(view) ? formatNetwork(view, ip.includes(':') ? 64 : 24) : undefined;
}

function collapsed(items: readonly Item[], isByDns: (name: string) => boolean): Item[] {
  const { namesOfDomainMax, addressesOfNetworkMax } = learnLimits;
  const unique = [...groupBy(items, ({ kind, text }) => `${kind} ${text}`).values()].map((same) => {
    const [{ kind, text }] = same as [Item];
    return { ...joined(same, { kind, text }), members: 1 };
  });
  const groups = groupBy(unique, ({ kind, text }) => {
    if (kind === 'metadata') return text;
    if (kind === 'name') return (isByDns(text) ? domainOf(text) : undefined) ?? text;
    return networkOf(text) ?? text;
  });
  return [...groups].flatMap(([key, members]) => {
    const isName = members[0]?.kind === 'name';
    if (members.length <= (isName ? namesOfDomainMax : addressesOfNetworkMax)) return members;
    if (!isName) return [joined(members, { kind: 'network', text: key })];
    const below = members.filter(({ text }) => text !== key);
    const itself = members.filter(({ text }) => text === key);
    return [joined(below, { kind: 'name', text: `*.${key}` }), ...itself];
  });
}

const kinds: readonly Item['kind'][] = ['name', 'network', 'metadata'];

function compareItems(a: Item, b: Item): number {
  return kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || compareTexts(a.text, b.text);
}

export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Destinations of the same ports are told together. */
function targetsOf(destinations: readonly Destination[]): ProposedTarget[] {
  const byDns = new Set(
    destinations
      .filter(({ name_source: source }) => source.startsWith('dns'))
      .map(({ name }) => withoutPattern(name.toLowerCase())),
  );
  const byPort = groupBy(destinations, ({ transport, port }) => `${transport} ${port}`);
  const seen = [...byPort.values()].flatMap((same) => {
    const [{ transport, port }] = same as [Destination];
    const items = collapsed(same.map(itemOf), (name) => byDns.has(name));
    return items.map((item) => ({ item, transport, port }));
  });
  const byItem = groupBy(seen, ({ item, transport }) => `${transport} ${item.kind} ${item.text}`);
  const placed = [...byItem.values()].map((same) => {
    const [{ item, transport }] = same as [(typeof seen)[number]];
    const members = Math.max(...same.map((each) => each.item.members));
    return {
      item: {
        ...joined(
          same.map((each) => each.item),
          item,
        ),
        members,
      },
      transport,
      ports: portTexts(same.map(({ port }) => port)),
    };
  });
  const byPorts = groupBy(placed, ({ transport, ports }) => `${transport} ${ports.join(' ')}`);
  const targets = [...byPorts.values()].map((same) => {
    const [{ transport, ports }] = same as [(typeof placed)[number]];
    return { items: same.map(({ item }) => item).sort(compareItems), transport, ports };
  });
  return targets.sort((a, b) => {
    const [first, second] = [a.items[0], b.items[0]] as [Item, Item];
    return compareItems(first, second) || compareTexts(a.transport, b.transport);
  });
}

/** Private addresses, those of one network as it where there are several. */
export function collapsedNetworks(ips: readonly string[]): string[] {
  return [...groupBy(ips, (ip) => networkOf(ip) ?? ip)].flatMap(([network, same]) =>
    same.length > learnLimits.addressesOfNetworkMax ? [network] : same,
  );
}

export function isInVain({ transport, connections_established: established }: Destination): boolean {
  return transport === 'tcp' && established === 0;
}

interface Sorted {
  readonly taken: readonly Destination[];
  readonly leftOut: readonly string[];
}

function sorted(destinations: readonly Destination[], namesFrom: string): Sorted {
  /** An address that may have been meant by a name, when names were not kept. */
  const isOld = ({ name, ip, are_names_known: areKnown, last_seen: last }: Destination): boolean => {
    const view = parseAddress(ip.split('/')[0] ?? '');
    return name === '' && areKnown && last < namesFrom && view !== undefined && isPublic(view);
  };
  const inVain = destinations.filter(isInVain);
  const old = destinations.filter((each) => !isInVain(each) && isOld(each));
  const leftOut = [
    ...(inVain.length > 0 ? [`destinations that never answered: ${inVain.length}`] : []),
    ...(old.length > 0
      ? [
          `public addresses last seen before ${namesFrom.slice(0, 10)}, of which no names are kept: ${old.length}`,
        ]
      : []),
  ];
  return { taken: destinations.filter((each) => !isInVain(each) && !isOld(each)), leftOut };
}

/** What is not expected already. */
export function propose({ destinations, names_from: namesFrom }: DestinationList): Proposed[] {
  const whose = ({ environment, workload, process }: Destination) =>
    JSON.stringify([environment, workload, process]);
  const known = destinations.filter(
    ({ workload, process, expectation }) => expectation === '' && (workload !== '' || process !== ''),
  );
  return [...groupBy(known, whose).values()].flatMap((same) => {
    const { taken, leftOut } = sorted(same, namesFrom);
    const [{ environment, workload, process }] = same as [Destination];
    const owners = taken.map(({ owner }) => owner).filter((owner) => owner !== '');
    const firsts = taken.map(({ first_seen: first }) => first).sort(compareTexts);
    const lasts = taken.map(({ last_seen: last }) => last).sort(compareTexts);
    return {
      whom: { environment, workload, process },
      owner: owners.sort(compareTexts)[0] ?? '',
      first: firsts[0] ?? '',
      last: lasts.at(-1) ?? '',
      targets: targetsOf(taken),
      leftOut,
    };
  });
}
