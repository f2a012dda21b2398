/**
 * The other end: what records say of the far address of a flow, a connection or a lookup.
 *
 * Owns what is known of addresses (`addressesMax`, those used last), the names that this node heard, and what
 * the kernel translates. Labels cost a few looks into maps; what needs a file or the kernel is done between
 * windows or in the background. Equal labels are mostly one object, so that a policy looks at them once.
 */

import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { lruMap } from '../../../lib/lru.ts';
import type { HeardAnswer } from '../../../model/dns.ts';
import type { ClusterAddresses, DestinationScope, FarLabels } from '../../../model/far.ts';
import type { FarConfig } from './config.ts';
import { openDatabases, type Databases, type DatabasesStatus } from './databases.ts';
import type { FarEnd } from './ends.ts';
import { addressNames, type AddressNames } from './names.ts';
import { networksOf, zoneOfNode } from './networks.ts';
import { ownAddresses, scopeOf } from './scope.ts';
import { serviceOf } from './services.ts';
import {
  openTranslated,
  redirectorOf,
  type Place,
  type Translated,
  type TranslatedOptions,
} from './translated.ts';

export const farLimits = {
  /** Addresses of which scope, zone and databases' words are kept: 500 bytes each. */
  addressesMax: 16_384,
  /** Labels of one address (names, ports) that are kept beside them. */
  variantsMax: 64,
} as const;

export interface FarStatus {
  /** Addresses that have a name. */
  readonly names: number;
  readonly zone: string | null;
  readonly databases: DatabasesStatus;
}

export interface Far {
  heard(answer: HeardAnswer): void;
  /** Before labels of a window's rows are made: looks at addresses, files and translations again. */
  look(ends: readonly FarEnd[]): Promise<void>;
  labels(end: FarEnd): FarLabels;
  losses(): Readonly<Record<string, number>>;
  status(): FarStatus;
}

export interface FarOptions extends Omit<TranslatedOptions, 'clock'> {
  readonly config: FarConfig & {
    readonly window: number;
    readonly limits: { readonly address_names: number };
  };
  readonly clock: Pick<Clock, 'sleep' | 'monotonicNs'>;
  readonly log: Log;
  /** Of a namespace number. */
  readonly inode: (netns: number) => number;
  readonly cluster?: ClusterAddresses | undefined;
  /** Of this host; of the machine by default. */
  readonly ownAddresses?: () => ReadonlySet<string>;
}

interface Facts {
  /** The address, or the first one of the network. */
  readonly ip: string;
  readonly isNetwork: boolean;
  readonly scope: DestinationScope | undefined;
  /** The operator's. */
  readonly name: string | undefined;
  readonly labels: FarLabels;
  /** Labels by what else they depend on. */
  readonly variants: Map<string, FarLabels>;
}

const nothing: FarLabels = {};

interface Sources {
  readonly options: FarOptions;
  readonly names: AddressNames;
  readonly translated: Translated;
}

/** What changes from one flow to the next of an address. */
interface Variant {
  readonly name?: string | undefined;
  readonly source?: FarLabels['destination.name.source'] | undefined;
  readonly inCluster?: boolean;
  readonly service?: string | undefined;
  readonly translated?: Place | undefined;
}

function clusterVariant({ scope, ip }: Facts, cluster: ClusterAddresses | undefined): Variant {
  if (!cluster || (scope !== 'private' && scope !== 'public')) return {};
  const of = cluster.at(ip);
  return of ? { name: `${of.service ?? of.name}.${of.namespace}`, source: 'k8s', inCluster: true } : {};
}

function variantOf(end: FarEnd, facts: Facts, { options, names, translated }: Sources): Variant {
  const { netns, owner, direction, transport, port } = end;
  const { ip, isNetwork, name } = facts;
  const egress = direction === 'egress';
  const inCluster = isNetwork ? {} : clusterVariant(facts, options.cluster);
  const service = egress ? serviceOf(transport, port) : undefined;
  const given = { service, ...inCluster, ...(name === undefined ? {} : { name, source: 'static' as const }) };
  if (!egress || isNetwork) return given;
  const place = translated.at(options.inode(netns), { transport, ip, port });
  const nowMs = Number(options.clock.monotonicNs()) / 1e6;
  // A name is what somebody wanted to reach: only who goes out has one by DNS.
  const found = given.name === undefined ? names.find({ netns, owner, ip }, nowMs) : undefined;
  return { ...given, ...found, translated: place };
}

function labelsOf(base: FarLabels, { name, source, inCluster, service, translated }: Variant): FarLabels {
  const redirector = translated && redirectorOf(translated);
  return {
    ...(name === undefined || source === undefined
      ? {}
      : { 'destination.name': name, 'destination.name.source': source }),
    ...base,
    ...(inCluster === true ? { 'destination.scope': 'cluster' as const } : {}),
    ...(service === undefined ? {} : { 'destination.service': service }),
    ...(translated === undefined
      ? {}
      : { 'destination.translated.ip': translated.ip, 'destination.translated.port': translated.port }),
    ...(redirector === undefined ? {} : { 'destination.redirected_by': redirector }),
  };
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

/** Says once what is wrong with a file. */
function teller(databases: Databases, log: Log): () => void {
  let told = '';
  return () => {
    const problems = Object.values(databases.status()).flatMap(({ file, problem }) =>
      problem === null ? [] : [`${file} cannot be used (${problem})`],
    );
    const now = problems.join('; ');
    if (now !== told && now !== '') log.warn(now);
    told = now;
  };
}

/** The length of a network whose text it is; undefined for an address. */
function splitNetwork(text: string): { ip: string; length: number | undefined } {
  const [ip = '', length] = text.split('/');
  return { ip, length: length === undefined ? undefined : Number(length) };
}

const mayBeTranslated: ReadonlySet<DestinationScope | undefined> = new Set([
  'loopback',
  'private',
  'cluster',
] as const);

export async function openFar(options: FarOptions): Promise<Far> {
  const { config, clock, inode, log } = options;
  const own = options.ownAddresses ?? ownAddresses;
  const networks = networksOf(config.networks);
  const databases = openDatabases(config.databases);
  const tell = teller(databases, log);
  const names = addressNames({ entriesMax: config.limits.address_names, windowMs: config.window });
  const translated = openTranslated({ ...options, clock });
  const sources = { options, names, translated };
  const known = lruMap<string, Facts>(farLimits.addressesMax);
  let addresses = own();
  let zone = config.zone ?? zoneOfNode(addresses, networks);

  function learn(remote: string): Facts {
    const { ip, length } = splitNetwork(remote);
    const isNetwork = length !== undefined;
    const scope = scopeOf(ip, isNetwork ? new Set() : addresses);
    const listed = scope === undefined ? {} : networks.at(ip, length);
    const crossed = zone !== undefined && listed.zone !== undefined && zone !== listed.zone;
    const labels: FarLabels = {
      ...(scope === undefined ? {} : { 'destination.scope': scope }),
      ...(listed.zone === undefined ? {} : { 'destination.zone': listed.zone }),
      ...(crossed ? { 'boundary.crossed': true } : {}),
      ...(scope === 'public' ? databases.at(ip, length) : {}),
    };
    return { ip, isNetwork, scope, name: listed.name, labels, variants: new Map() };
  }

  function factsOf(remote: string): Facts {
    const before = known.get(remote);
    if (before) return before;
    const facts = learn(remote);
    known.set(remote, facts);
    return facts;
  }

  async function lookAtFiles(): Promise<void> {
    if (await databases.look()) known.clear();
    tell();
  }

  function lookAtAddresses(): void {
    const now = own();
    if (sameSet(now, addresses)) return;
    addresses = now;
    zone = config.zone ?? zoneOfNode(addresses, networks);
    known.clear();
  }

  await lookAtFiles();
  return {
    heard: (answer) => names.heard(answer),
    async look(ends) {
      lookAtAddresses();
      void lookAtFiles();
      const asked = ends.filter(
        ({ direction, remote }) =>
          direction === 'egress' && remote !== null && mayBeTranslated.has(factsOf(remote).scope),
      );
      await translated.look(asked.map(({ netns }) => inode(netns)));
    },
    labels(end) {
      if (end.remote === null) return nothing;
      const facts = factsOf(end.remote);
      const variant = variantOf(end, facts, sources);
      const { name = '', source = '', inCluster = false, service = '', translated: place } = variant;
      const to = place ? `${place.ip} ${String(place.port)}` : '';
      const key = `${name} ${source} ${String(inCluster)} ${service} ${to}`;
      const before = facts.variants.get(key);
      if (before) return before;
      const labels = labelsOf(facts.labels, variant);
      if (facts.variants.size >= farLimits.variantsMax) facts.variants.clear();
      facts.variants.set(key, labels);
      return labels;
    },
    losses: () => translated.losses(),
    status: () => ({ names: names.size(), zone: zone ?? null, databases: databases.status() }),
  };
}
