/** What is found out of one owner, once; and the labels that follow from it. */

import type { Owner } from '../../model/observation.ts';
import { ownWorkload, unknownLabel, type ProcessLabels, type WorkloadKind } from '../../model/record.ts';
import { placementOf, type Placement } from './cgroup-path.ts';
import { executablePath } from './executable.ts';
import { isOwn, type OwnProcesses } from './own.ts';

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

function known<T extends object>(labels: Optional<T>): T {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined)) as T;
}

/** A container has users of its own, with numbers that may be this host's; only 0 is the same everywhere. */
function userName({ uid, placement }: Subject, userOf: (uid: number) => string | undefined) {
  return placement.container && uid !== 0 ? undefined : userOf(uid);
}

export function subjectLabels(subject: Subject, userOf: (uid: number) => string | undefined): ProcessLabels {
  const { container, pod, unit } = subject.placement;
  const kind = kindOf(subject);
  return known<ProcessLabels>({
    'process.name': subject.name,
    'process.executable.path': subject.executable,
    'user.id': subject.uid,
    'user.name': userName(subject, userOf),
    'workload.name': subject.own ? ownWorkload : kind === 'systemd_unit' ? unit : undefined,
    'workload.kind': kind,
    'systemd.unit': unit,
    'container.id': container?.id,
    'container.runtime': container?.runtime,
    'k8s.pod.uid': pod?.uid,
    'k8s.pod.qos': pod?.qos,
    'cgroup.path': kind === 'host_process' && subject.cgroup !== '/' ? subject.cgroup : undefined,
  });
}
