/**
 * The other end: what records say of the far address of a flow, a connection or a lookup.
 *
 * Owns what is known of addresses, the names that this node heard, what the kernel translates, and the
 * labels that were made of these. Labels cost a few looks into maps; what needs a file or the kernel is done
 * between windows or in the background. Equal labels are one object, so that a policy looks at them once.
 */

import type { Clock } from '../../../lib/clock.ts';
import { lruMap } from '../../../lib/lru.ts';
import type { HeardAnswer } from '../../../model/dns.ts';
import type { ClusterAddresses, DestinationScope, FarLabels, NameSource } from '../../../model/far.ts';
import { serviceOf } from '../../../model/services.ts';
import { openAddresses, type Addresses, type AddressesOptions, type AddressFacts } from './addresses.ts';
import type { FarEnd } from './ends.ts';
import { addressNames, type AddressNames } from './names.ts';
import {
  openTranslated,
  redirectorOf,
  type Place,
  type Translated,
  type TranslatedOptions,
} from './translated.ts';

export const farLimits = {
  /** Different labels that are kept: 500 bytes each, with what a policy makes of them. */
  labelsMax: 16_384,
} as const;

export type FarStatus = ReturnType<Addresses['status']> & {
  /** Addresses that have a name by DNS. */
  readonly names: number;
};

export interface Far {
  readonly heard: (answer: HeardAnswer) => void;
  /** Before labels of a window's rows are made: looks at addresses, files and translations again. */
  look(ends: readonly FarEnd[]): Promise<void>;
  labels(end: FarEnd): FarLabels;
  losses(): Readonly<Record<string, number>>;
  status(): FarStatus;
}

export interface FarOptions extends Omit<AddressesOptions, 'config'>, Omit<TranslatedOptions, 'clock'> {
  readonly config: AddressesOptions['config'] & {
    readonly window: number;
    readonly limits: { readonly address_names: number };
  };
  readonly clock: Pick<Clock, 'sleep' | 'monotonicNs'>;
  /** Of a namespace number. */
  readonly inode: (netns: number) => number;
  readonly cluster?: ClusterAddresses | undefined;
}

interface GivenName {
  readonly name: string;
  readonly source: NameSource;
  readonly inCluster?: true;
}

const nothing: FarLabels = {};

/** What an address has besides what it shares with others. */
interface Variant {
  readonly named: GivenName | undefined;
  readonly service: string | undefined;
  readonly place: Place | undefined;
}

function labelsOf(base: FarLabels, { named, service, place }: Variant): FarLabels {
  const redirector = place && redirectorOf(place);
  return {
    ...(named && { 'destination.name': named.name, 'destination.name.source': named.source }),
    ...base,
    ...(named?.inCluster && { 'destination.scope': 'cluster' as const }),
    ...(service !== undefined && { 'destination.service': service }),
    ...(place && { 'destination.translated.ip': place.ip, 'destination.translated.port': place.port }),
    ...(redirector && { 'destination.redirected_by': redirector }),
  };
}

function keyOf(id: number, { named, service = '', place }: Variant): string {
  const name = named ? `${named.name} ${named.source} ${String(named.inCluster)}` : '';
  return `${String(id)} ${name} ${service} ${place ? `${place.ip} ${String(place.port)}` : ''}`;
}

/** One object for equal labels. */
function makesLabels(): (facts: AddressFacts, variant: Variant) => FarLabels {
  const made = lruMap<string, FarLabels>(farLimits.labelsMax);
  return ({ shared: { id, labels: base } }, variant) => {
    if (!variant.named && variant.service === undefined && !variant.place) return base;
    const key = keyOf(id, variant);
    const before = made.get(key);
    if (before) return before;
    const labels = labelsOf(base, variant);
    made.set(key, labels);
    return labels;
  };
}

/** The operator's word goes first, then the cluster's. */
function nameGiven(facts: AddressFacts, cluster: ClusterAddresses | undefined): GivenName | undefined {
  const { ip, scope, name, isNetwork } = facts;
  const mayBeIn = cluster && !isNetwork && (scope === 'private' || scope === 'public');
  const of = mayBeIn ? cluster.at(ip) : undefined;
  if (name !== undefined) return { name, source: 'static', ...(of ? { inCluster: true } : {}) };
  return of && { name: `${of.service ?? of.name}.${of.namespace}`, source: 'k8s', inCluster: true };
}

const mayBeTranslated: ReadonlySet<DestinationScope | undefined> = new Set(['loopback', 'private'] as const);

interface Sources {
  readonly options: FarOptions;
  readonly names: AddressNames;
  readonly translated: Translated;
}

function variantOf(end: FarEnd, facts: AddressFacts, { options, names, translated }: Sources): Variant {
  const { netns, owner, direction, transport, port } = end;
  const { ip, isNetwork } = facts;
  const given = nameGiven(facts, options.cluster);
  if (direction === 'ingress') return { named: given, service: undefined, place: undefined };
  const service = serviceOf(transport, port);
  if (isNetwork) return { named: given, service, place: undefined };
  // A name by DNS is what somebody wanted to reach: only who goes out has one.
  const nowMs = Number(options.clock.monotonicNs()) / 1e6;
  return {
    named: given ?? names.find({ netns, owner, ip }, nowMs),
    service,
    place: translated.at(options.inode(netns), { transport, ip, port }),
  };
}

export async function openFar(options: FarOptions): Promise<Far> {
  const { config, clock, inode } = options;
  const addresses = await openAddresses(options);
  const names = addressNames({ entriesMax: config.limits.address_names, windowMs: config.window });
  const translated = openTranslated({ ...options, clock });
  const sources = { options, names, translated };
  const make = makesLabels();

  return {
    heard: (answer) => names.heard(answer),
    async look(ends) {
      addresses.look();
      const asked = ends.filter(
        ({ direction, remote }) =>
          direction === 'egress' && remote !== null && mayBeTranslated.has(addresses.at(remote).scope),
      );
      await translated.look(asked.map(({ netns }) => inode(netns)));
    },
    labels(end) {
      if (end.remote === null) return nothing;
      const facts = addresses.at(end.remote);
      return make(facts, variantOf(end, facts, sources));
    },
    losses: () => translated.losses(),
    status: () => ({ names: names.size(), ...addresses.status() }),
  };
}
