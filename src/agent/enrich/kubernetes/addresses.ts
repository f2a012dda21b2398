/**
 * Whose an address of the cluster is: a Service's, or a pod's and by that its workload's.
 *
 * Owns so many Services, pods and addresses of endpoints as `limits.cluster_addresses` says, of each no
 * more than its name; what is beyond is counted and not known. Addresses that pods share with their node are
 * no pod's.
 */

import type { ClusterAddress, ClusterAddresses } from '../../../model/far.ts';
import type { Taker } from './follow.ts';
import {
  identityOf,
  originOf,
  podAddresses,
  serviceAddresses,
  sliceOf,
  type Identity,
  type Slice,
} from './objects.ts';
import { guessedWorkload } from './origin.ts';

export interface AddressCounts {
  readonly services: number;
  readonly pods: number;
  readonly endpoints: number;
  /** How often an object was told that there was no room for. */
  readonly beyond: number;
  /** Of all that is held. */
  readonly characters: number;
}

export interface AddressBook extends ClusterAddresses {
  readonly services: Taker;
  readonly slices: Taker;
  readonly pods: Taker;
  counts(): AddressCounts;
}

/** One text for all that are the same. */
interface Names {
  take(name: ClusterAddress): ClusterAddress;
  release(name: ClusterAddress): void;
  characters(): number;
}

function openNames(): Names {
  const uses = new Map<string, { readonly name: ClusterAddress; count: number }>();
  let characters = 0;
  const keyOf = ({ kind, namespace, name }: ClusterAddress) => `${kind}/${namespace}/${name}`;
  return {
    take(name) {
      const key = keyOf(name);
      const known = uses.get(key) ?? { name, count: 0 };
      if (known.count++ === 0) {
        uses.set(key, known);
        characters += key.length;
      }
      return known.name;
    },
    release(name) {
      const key = keyOf(name);
      const known = uses.get(key);
      if (known === undefined || --known.count > 0) return;
      uses.delete(key);
      characters -= key.length;
    },
    characters: () => characters,
  };
}

/** An object with addresses. */
interface Holder {
  readonly name: ClusterAddress;
  readonly addresses: readonly string[];
  /** In which list or watch it was last told. */
  listing: number;
}

interface Shelf {
  readonly taker: Taker;
  readonly held: ReadonlyMap<string, Holder>;
  addresses(): number;
  beyond(): number;
  characters(): number;
}

interface ShelfOptions {
  /** What to hold of an object; no addresses: nothing. */
  readonly read: (object: unknown) => { name: ClusterAddress; addresses: readonly string[] } | undefined;
  readonly add: (address: string, holder: Holder) => void;
  readonly remove: (address: string, holder: Holder) => void;
  /** Whether there is room for so many objects with so many addresses in all. */
  readonly hasRoom: (objects: number, addresses: number) => boolean;
}

/** Objects of one kind by UID, each with its addresses. */
function openShelf(names: Names, { read, add, remove, hasRoom }: ShelfOptions): Shelf {
  const held = new Map<string, Holder>();
  let [listing, addresses, beyond, characters] = [0, 0, 0, 0];

  function costOf(uid: string, holder: Holder): number {
    return uid.length + holder.addresses.reduce((sum, { length }) => sum + length, 0);
  }

  function drop(uid: string): void {
    const holder = held.get(uid);
    if (!holder) return;
    held.delete(uid);
    addresses -= holder.addresses.length;
    characters -= costOf(uid, holder);
    for (const address of holder.addresses) remove(address, holder);
    names.release(holder.name);
  }

  function isSame(before: Holder, found: Pick<Holder, 'name' | 'addresses'>): boolean {
    return (
      before.name.name === found.name.name &&
      before.name.kind === found.name.kind &&
      before.addresses.length === found.addresses.length &&
      before.addresses.every((address, i) => address === found.addresses[i])
    );
  }

  function put(object: unknown): void {
    const uid = identityOf(object)?.uid;
    const found = read(object);
    const before = uid === undefined ? undefined : held.get(uid);
    if (uid === undefined || (before && found && isSame(before, found))) {
      if (before) before.listing = listing;
      return;
    }
    drop(uid);
    if (!found || found.addresses.length === 0) return;
    if (!hasRoom(held.size + 1, addresses + found.addresses.length)) {
      beyond++;
      return;
    }
    const holder = { name: names.take(found.name), addresses: found.addresses, listing };
    held.set(uid, holder);
    addresses += holder.addresses.length;
    characters += costOf(uid, holder);
    for (const address of holder.addresses) add(address, holder);
  }

  return {
    taker: {
      begin() {
        listing++;
      },
      put,
      drop: (object) => {
        drop(identityOf(object)?.uid ?? '');
      },
      listed() {
        for (const [uid, holder] of held) if (holder.listing !== listing) drop(uid);
      },
    },
    held,
    addresses: () => addresses,
    beyond: () => beyond,
    characters: () => characters,
  };
}

function serviceName({ namespace }: Identity, name: string): ClusterAddress {
  return { name, namespace, kind: 'service', service: name };
}

function readService(object: unknown): { name: ClusterAddress; addresses: readonly string[] } | undefined {
  const identity = identityOf(object);
  return identity && { name: serviceName(identity, identity.name), addresses: serviceAddresses(object) };
}

function readPod(object: unknown): { name: ClusterAddress; addresses: readonly string[] } | undefined {
  const origin = originOf(object);
  if (!origin) return undefined;
  const { name, kind } = guessedWorkload(origin, '');
  return { name: { name, namespace: origin.namespace, kind }, addresses: podAddresses(object) };
}

function readSlice(object: unknown): { name: ClusterAddress; addresses: readonly string[] } | undefined {
  const slice: Slice | undefined = sliceOf(object);
  return slice && { name: serviceName(slice, slice.service), addresses: slice.addresses };
}

/** An address is given again before the one that had it is told gone: the last one counts. */
function lastHolder(of: Map<string, Holder>): Pick<ShelfOptions, 'add' | 'remove'> {
  return {
    add: (address, holder) => of.set(address, holder),
    remove(address, holder) {
      if (of.get(address) === holder) of.delete(address);
    },
  };
}

/** Of endpoints: an address is behind several Services, and in several slices of one. */
function allHolders(of: Map<string, readonly Holder[]>): Pick<ShelfOptions, 'add' | 'remove'> {
  return {
    add: (address, holder) => of.set(address, [...(of.get(address) ?? []), holder]),
    remove(address, holder) {
      const left = (of.get(address) ?? []).filter((other) => other !== holder);
      if (left.length > 0) of.set(address, left);
      else of.delete(address);
    },
  };
}

function firstService(holders: readonly Holder[] | undefined): string | undefined {
  return holders?.map(({ name }) => name.name).sort()[0];
}

/** `max`: of Services, of pods and of addresses of endpoints, each. */
export function openAddresses(max: number): AddressBook {
  const names = openNames();
  const [services, pods] = [new Map<string, Holder>(), new Map<string, Holder>()];
  const endpoints = new Map<string, readonly Holder[]>();
  const shelves = {
    services: openShelf(names, {
      read: readService,
      ...lastHolder(services),
      hasRoom: (objects) => objects <= max,
    }),
    slices: openShelf(names, {
      read: readSlice,
      ...allHolders(endpoints),
      hasRoom: (_, addresses) => addresses <= max,
    }),
    pods: openShelf(names, {
      read: readPod,
      ...lastHolder(pods),
      hasRoom: (objects) => objects <= max,
    }),
  };
  const all = Object.values(shelves);
  return {
    services: shelves.services.taker,
    slices: shelves.slices.taker,
    pods: shelves.pods.taker,
    at(ip) {
      const service = services.get(ip);
      if (service) return service.name;
      const pod = pods.get(ip);
      if (!pod) return undefined;
      const behind = firstService(endpoints.get(ip));
      return behind === undefined ? pod.name : { ...pod.name, service: behind };
    },
    counts: () => ({
      services: shelves.services.held.size,
      pods: shelves.pods.held.size,
      endpoints: shelves.slices.addresses(),
      beyond: all.reduce((sum, shelf) => sum + shelf.beyond(), 0),
      characters: all.reduce((sum, shelf) => sum + shelf.characters(), names.characters()),
    }),
  };
}
