/**
 * The pods of this node: what records say of them.
 *
 * Owns what is known of the newest `podsMax` that are there and `goneMax` that were: the records of a pod
 * that is gone come behind it.
 */

import type { KubernetesConfig } from './config.ts';
import type { Taker } from './follow.ts';
import {
  annotationOf,
  containersOf,
  labelOf,
  manifestHash,
  originOf,
  serviceAccountOf,
  type PodContainer,
  type PodOrigin,
} from './objects.ts';

export const podLimits = {
  /** A kubelet runs 110 by default; the largest nodes some hundreds. */
  podsMax: 4096,
  goneMax: 1024,
  /** Of the value of a label or annotation. */
  valueMax: 256,
} as const;

export interface KnownPod {
  readonly origin: PodOrigin;
  readonly serviceAccount: string | undefined;
  readonly owner: string | undefined;
  /** The chosen labels and annotations, by the names that records have. */
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly PodContainer[];
}

export type Chosen = Pick<KubernetesConfig, 'labels' | 'annotations' | 'owner'>;

export interface NodePods {
  readonly taker: Taker;
  /** By the name that its control group has. */
  find(uid: string): KnownPod | undefined;
  /** Those that became known or changed since the last call, and those that one of these controllers made. */
  news(controllers: ReadonlySet<string>): readonly string[];
  counts(): { readonly pods: number; readonly gone: number; readonly beyond: number };
}

function labelsOf(object: unknown, { labels, annotations }: Chosen): Record<string, string> {
  const all = [
    ...labels.map((key) => [`k8s.label.${key}`, labelOf(object, key)] as const),
    ...annotations.map((key) => [`k8s.annotation.${key}`, annotationOf(object, key)] as const),
  ];
  return Object.fromEntries(
    all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value.slice(0, podLimits.valueMax)]])),
  );
}

function ownerOf(object: unknown, { owner }: Chosen): string | undefined {
  const label = owner.label === undefined ? undefined : labelOf(object, owner.label);
  const told = label ?? (owner.annotation === undefined ? undefined : annotationOf(object, owner.annotation));
  return told?.slice(0, podLimits.valueMax);
}

export function knownPod(object: unknown, chosen: Chosen): KnownPod | undefined {
  const origin = originOf(object);
  return (
    origin && {
      origin,
      serviceAccount: serviceAccountOf(object),
      owner: ownerOf(object, chosen),
      labels: labelsOf(object, chosen),
      containers: containersOf(object),
    }
  );
}

interface Entry {
  readonly pod: KnownPod;
  /** To see whether a change is one of what records say. */
  readonly said: string;
  /** In which list or watch it was last told. */
  listing: number;
}

export function openNodePods(chosen: Chosen): NodePods {
  const pods = new Map<string, Entry>();
  const gone = new Map<string, Entry>();
  let news = new Set<string>();
  let [listing, beyond] = [0, 0];

  function leave(uid: string, entry: Entry): void {
    pods.delete(uid);
    gone.set(uid, entry);
    const [oldest] = gone.keys();
    if (gone.size <= podLimits.goneMax || oldest === undefined) return;
    gone.delete(oldest);
    news.delete(oldest);
  }

  function put(object: unknown): void {
    const pod = knownPod(object, chosen);
    if (!pod) return;
    const uid = manifestHash(object) ?? pod.origin.uid;
    const before = pods.get(uid);
    const said = JSON.stringify(pod);
    if (before?.said === said) {
      before.listing = listing;
      return;
    }
    if (!before && pods.size >= podLimits.podsMax) {
      beyond++;
      return;
    }
    pods.set(uid, { pod, said, listing });
    gone.delete(uid);
    news.add(uid);
  }

  return {
    taker: {
      begin() {
        listing++;
      },
      put,
      drop(object) {
        put(object); // its last state
        const uid = manifestHash(object) ?? originOf(object)?.uid ?? '';
        const entry = pods.get(uid);
        if (entry) leave(uid, entry);
      },
      listed() {
        for (const [uid, entry] of pods) if (entry.listing !== listing) leave(uid, entry);
      },
    },
    find: (uid) => (pods.get(uid) ?? gone.get(uid))?.pod,
    news(controllers) {
      if (controllers.size > 0)
        for (const [uid, { pod }] of [...pods, ...gone])
          if (controllers.has(pod.origin.controller?.uid ?? '')) news.add(uid);
      if (news.size === 0) return [];
      const told = [...news];
      news = new Set();
      return told;
    },
    counts: () => ({ pods: pods.size, gone: gone.size, beyond }),
  };
}
