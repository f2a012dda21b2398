/**
 * What is known of addresses whoever talks to them: scope, zone, the operator's name, and what the databases
 * say. Owns it for the `addressesMax` that were used last, and looks again at what it follows from when a
 * window ends.
 */

import { parseAddress } from '../../../lib/address.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { lruMap } from '../../../lib/lru.ts';
import type { DestinationScope, FarLabels } from '../../../model/far.ts';
import type { FarConfig } from './config.ts';
import { openDatabases, type Databases, type DatabasesStatus } from './databases.ts';
import { networksOf, zoneOfNode } from './networks.ts';
import { doneWithin } from './patience.ts';
import { ownAddresses, scopeOf } from './scope.ts';

export const addressLimits = {
  /** About 200 bytes each. */
  addressesMax: 32_768,
  /** Labels that addresses share, such as a scope with a zone, a system and a country. */
  sharedMax: 16_384,
  /** A start does not wait for longer until the databases are read; they are there when they are. */
  filesMsMax: 2000,
} as const;

export interface AddressFacts {
  /** The address, or the first one of the network. */
  readonly ip: string;
  readonly isNetwork: boolean;
  readonly scope: DestinationScope | undefined;
  /** The operator's. */
  readonly name: string | undefined;
  readonly shared: SharedLabels;
}

/** One object for all addresses of which the same is known. */
export interface SharedLabels {
  readonly id: number;
  readonly labels: FarLabels;
}

export interface Addresses {
  /** Of an address or a network, as records write them. */
  at(remote: string): AddressFacts;
  /** Looks whether this host has other addresses; in the background, whether files were replaced. */
  look(): void;
  status(): { readonly zone: string | null; readonly databases: DatabasesStatus };
}

export interface AddressesOptions {
  readonly config: FarConfig;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  /** Of this host; of the machine by default. */
  readonly ownAddresses?: () => ReadonlySet<string>;
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

function shares(): (labels: FarLabels) => SharedLabels {
  const known = lruMap<string, SharedLabels>(addressLimits.sharedMax);
  let id = 0;
  return (labels) => {
    const key = JSON.stringify(labels);
    const before = known.get(key);
    if (before) return before;
    const shared = { id: id++, labels };
    known.set(key, shared);
    return shared;
  };
}

const nobody: ReadonlySet<string> = new Set();

export async function openAddresses(options: AddressesOptions): Promise<Addresses> {
  const { config, clock, log } = options;
  const own = options.ownAddresses ?? ownAddresses;
  const networks = networksOf(config.networks);
  const databases = openDatabases(config.databases);
  const tell = teller(databases, log);
  const known = lruMap<string, AddressFacts>(addressLimits.addressesMax);
  const share = shares();
  let addresses = own();
  let zone = config.zone ?? zoneOfNode(addresses, networks);

  function learn(remote: string): AddressFacts {
    const [ip = '', text] = remote.split('/', 2);
    const [isNetwork, length] = [text !== undefined, text === undefined ? undefined : Number(text)];
    const view = parseAddress(ip);
    const scope = view && scopeOf(ip, view, isNetwork ? nobody : addresses);
    if (!view || scope === undefined)
      return { ip, isNetwork, scope: undefined, name: undefined, shared: share({}) };
    const listed = networks.at(view, length);
    const crossed = zone !== undefined && listed.zone !== undefined && zone !== listed.zone;
    const labels: FarLabels = {
      'destination.scope': scope,
      ...(listed.zone === undefined ? {} : { 'destination.zone': listed.zone }),
      ...(crossed ? { 'boundary.crossed': true } : {}),
      ...(scope === 'public' ? databases.at(ip, length) : {}),
    };
    return { ip, isNetwork, scope, name: listed.name, shared: share(labels) };
  }

  async function lookAtFiles(): Promise<void> {
    if (await databases.look()) known.clear();
    tell();
  }

  await doneWithin(clock, lookAtFiles(), addressLimits.filesMsMax);
  return {
    at(remote) {
      const before = known.get(remote);
      if (before) return before;
      const facts = learn(remote);
      known.set(remote, facts);
      return facts;
    },
    look() {
      void lookAtFiles();
      const now = own();
      if (sameSet(now, addresses)) return;
      addresses = now;
      zone = config.zone ?? zoneOfNode(addresses, networks);
      known.clear();
    },
    status: () => ({ zone: zone ?? null, databases: databases.status() }),
  };
}
