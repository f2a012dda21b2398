/** What is found out of one owner, once; and the labels that follow from it. */

import type { Owner } from '../../model/observation.ts';
import {
  ownWorkload,
  unknownLabel,
  type EnrichmentSource,
  type ProcessLabels,
  type WorkloadKind,
} from '../../model/record.ts';
import { placementOf, type Placement } from './cgroup-path.ts';
import type { ContainerFacts, Containers } from './containers.ts';
import { executablePath } from './executable.ts';
import type { PodFacts, PodLookup } from './kubernetes/kubernetes.ts';
import { isOwn, type OwnProcesses } from './own.ts';
import type { Users } from './users.ts';

export interface Subject {
  readonly name: string;
  readonly executable: string | undefined;
  readonly uid: number;
  /** One of Sonde's own processes. */
  readonly own: boolean;
  /** Undefined: not known, or the kernel's own. */
  readonly cgroup: string | undefined;
  readonly placement: Placement;
}

/** What a runtime calls the main thread of every program (Node 24): the executable says more. */
const runtimeNames: ReadonlySet<string> = new Set(['MainThread']);

export function subjectOf(owner: Owner, own: OwnProcesses, cgroup: string | undefined): Subject {
  const executable = executablePath(owner);
  const base = executable?.slice(executable.lastIndexOf('/') + 1);
  return {
    name: (runtimeNames.has(owner.name) ? base : owner.name) || base || owner.name || unknownLabel,
    executable,
    uid: owner.uid,
    own: isOwn(owner, own),
    cgroup,
    placement: placementOf(cgroup ?? ''),
  };
}

function kindOf({ cgroup, placement: { container, pod, unit } }: Subject): WorkloadKind | undefined {
  if (cgroup === undefined) return undefined;
  if (pod) return 'pod';
  if (container) return 'container';
  if (unit === undefined) return 'host_process';
  return unit === 'session-*.scope' ? 'user_session' : 'systemd_unit';
}

type Optional<T> = { readonly [K in keyof T]: T[K] | undefined };

function present<T extends object>(labels: Optional<T>): T {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined)) as T;
}

/** What others know of it; may change. */
export interface Known {
  readonly user: string | undefined;
  readonly container: ContainerFacts | undefined;
  readonly pod: PodFacts | undefined;
  /** Who was asked, and has not said. */
  readonly missing: readonly EnrichmentSource[];
}

interface Knowing {
  readonly users: Pick<Users, 'name'>;
  readonly containers: Pick<Containers, 'factsOf' | 'asks'>;
  /** Undefined where Kubernetes is not asked. */
  readonly pods: Pick<PodLookup, 'pod'> | undefined;
}

/** Of a pod whose cluster is asked, its containers too are told by it. */
function surroundings({ container, pod }: Placement, { containers, pods }: Knowing): Omit<Known, 'user'> {
  if (pod && pods) {
    const facts = pods.pod(pod.uid);
    return {
      pod: facts,
      container: container && facts?.container(container.id),
      missing: facts?.workload ? [] : ['kubernetes'],
    };
  }
  const facts = container && containers.factsOf(container);
  const isMissing = container !== undefined && facts === undefined && containers.asks(container);
  return { pod: undefined, container: facts, missing: isMissing ? ['container_runtime'] : [] };
}

/** A container has users of its own, with numbers that may be this host's; only 0 is the same everywhere. */
export function knownOf({ uid, placement }: Subject, knowing: Knowing): Known {
  return {
    user: placement.container && uid !== 0 ? undefined : knowing.users.name(uid),
    ...surroundings(placement, knowing),
  };
}

function workloadName({ own, placement }: Subject, kind: WorkloadKind | undefined, known: Known) {
  if (own) return ownWorkload;
  if (placement.pod) return known.pod?.workload?.name;
  return kind === 'systemd_unit' ? placement.unit : kind === 'container' ? known.container?.name : undefined;
}

function podLabels(pod: PodFacts | undefined): Optional<Partial<ProcessLabels>> {
  if (!pod) return {};
  return {
    'k8s.namespace': pod.namespace,
    'k8s.pod': pod.name,
    'k8s.service_account': pod.serviceAccount,
    'workload.owner': pod.owner,
    labels: Object.keys(pod.labels).length > 0 ? pod.labels : undefined,
  };
}

export function subjectLabels(subject: Subject, known: Known): ProcessLabels {
  const { container, pod, unit } = subject.placement;
  const kind = kindOf(subject);
  return present<ProcessLabels>({
    'process.name': subject.name,
    'process.executable.path': subject.executable,
    'user.id': subject.uid,
    'user.name': known.user,
    'workload.name': workloadName(subject, kind, known),
    'workload.kind': known.pod?.workload?.kind ?? kind,
    'systemd.unit': unit,
    'container.id': container?.id,
    'container.name': known.container?.name,
    'container.image': known.container?.image,
    'container.runtime': container?.runtime,
    'k8s.pod.uid': pod?.uid,
    'k8s.pod.qos': pod?.qos,
    ...podLabels(known.pod),
    'cgroup.path': kind === 'host_process' && subject.cgroup !== '/' ? subject.cgroup : undefined,
    'enrichment.missing': known.missing.length > 0 ? known.missing : undefined,
  });
}
