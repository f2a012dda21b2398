/**
 * What a cluster knows of this node's pods, and of the addresses that they talk to. Everything is followed in
 * the background: an API server that hangs costs labels, never time.
 */

import type { Clock } from '../../../lib/clock.ts';
import type { Prng } from '../../../lib/prng.ts';
import type { ClusterAddresses } from '../../../model/far.ts';
import type { NodeIdentity } from '../../../model/record.ts';
import type { ContainerFacts } from '../containers.ts';
import { openAccess, nodeName, type Access } from './access.ts';
import { openAddresses, type AddressBook, type AddressCounts } from './addresses.ts';
import { clientLimits, openClient, type ClientLimits } from './client.ts';
import type { KubernetesConfig } from './config.ts';
import { follow, followLimits, type Followed, type FollowLimits, type FollowState } from './follow.ts';
import { openOrigins, type Workload } from './origin.ts';
import { openNodePods } from './pods.ts';

/** What is known of one pod. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string | undefined;
  /** Undefined: not known yet. */
  readonly workload: Workload | undefined;
  readonly owner: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  container(id: string): ContainerFacts | undefined;
}

export interface PodLookup {
  /** `uid` as in the path of its control group. Undefined: not known, or not yet. */
  pod(uid: string): PodFacts | undefined;
  /** UIDs of those of which something became known since the last call. */
  pump(): readonly string[];
}

/** How it stands, for people. */
export interface KubernetesStatus {
  readonly server: string;
  /** By what is followed: pods_of_node, services, … */
  readonly following: Readonly<Record<string, FollowState>>;
  readonly pods: number;
  readonly addresses: AddressCounts;
  /** Why the origin of some pods is not known; null: it is, of all that were met. */
  readonly originError: string | null;
}

export type Kubernetes = AsyncDisposable &
  PodLookup & {
    readonly addresses: ClusterAddresses;
    /** On all records of this node. */
    readonly place: Pick<NodeIdentity, 'k8s.node' | 'k8s.cluster'>;
    status(): KubernetesStatus;
    /** Since it was opened, by reason. */
    losses(): Readonly<Record<string, number>>;
    /** As `pod`, once all of it is known; what there is when the signal is aborted. */
    ask(uid: string, signal: AbortSignal): Promise<PodFacts | undefined>;
  };

/** Tests have others. */
export interface KubernetesParts {
  readonly clock: Clock;
  readonly prng: Prng;
  /** As `limits.cluster_addresses`. */
  readonly addressesMax: number;
  readonly access?: Access;
  readonly limits?: {
    readonly client?: ClientLimits;
    readonly follow?: FollowLimits;
  };
}

/** How often `ask` looks. */
const lookMs = 20;

/** In the whole cluster. */
function followedFor(
  destinations: KubernetesConfig['destinations'],
  addresses: AddressBook,
): Readonly<Record<string, Followed>> {
  if (destinations === 'off') return {};
  const services = { path: '/api/v1/services', taker: addresses.services };
  if (destinations === 'services') return { services };
  return {
    services,
    endpoint_slices: { path: '/apis/discovery.k8s.io/v1/endpointslices', taker: addresses.slices },
    pods: { path: '/api/v1/pods', taker: addresses.pods },
  };
}

/** Throws config.kubernetes and what reading a kubeconfig throws; never for a server that does not answer. */
export function openKubernetes(config: KubernetesConfig, parts: KubernetesParts): Kubernetes {
  const { clock, prng, limits = {} } = parts;
  const access = parts.access ?? openAccess(config);
  const node = nodeName(config);
  const stopping = new AbortController();
  const { signal } = stopping;
  const client = openClient(access, limits.client ?? clientLimits);
  const origins = openOrigins({ client, clock, signal, node });
  const [pods, addresses] = [openNodePods(config), openAddresses(parts.addressesMax)];
  const followed: Readonly<Record<string, Followed>> = {
    pods_of_node: { path: '/api/v1/pods', fieldSelector: `spec.nodeName=${node}`, taker: pods.taker },
    ...followedFor(config.destinations, addresses),
  };
  const how = { client, clock, prng, signal, limits: limits.follow ?? followLimits };
  const following = Object.entries(followed).map(([name, of]) => [name, follow(of, how)] as const);

  function pod(uid: string): PodFacts | undefined {
    const known = pods.find(uid);
    if (!known) return undefined;
    const { origin, serviceAccount, owner, labels, containers } = known;
    return {
      namespace: origin.namespace,
      name: origin.name,
      serviceAccount,
      workload: origins.workload(origin),
      owner,
      labels,
      container: (id) => containers.find((container) => container.id === id),
    };
  }

  function pump(): readonly string[] {
    return pods.news(origins.pump());
  }

  return {
    addresses,
    pod,
    pump,
    place: { 'k8s.node': node, ...(config.cluster === undefined ? {} : { 'k8s.cluster': config.cluster }) },
    status: () => ({
      server: access.server.origin,
      following: Object.fromEntries(following.map(([name, { state }]) => [name, { ...state }])),
      pods: pods.counts().pods,
      addresses: addresses.counts(),
      originError: origins.error(),
    }),
    losses: () => ({
      'enrich.kubernetes_objects_beyond': pods.counts().beyond + addresses.counts().beyond,
    }),
    async ask(uid, until) {
      const isListed = () => following[0]?.[1].state.listed === true;
      while (!until.aborted && !pod(uid)?.workload && !(isListed() && !pod(uid))) {
        pump();
        await clock.sleep(lookMs, until).catch(() => undefined);
      }
      return pod(uid);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(following.map(([, { ended }]) => ended));
      client[Symbol.dispose]();
    },
  };
}
