/**
 * Which workload a pod belongs to: of a ReplicaSet its Deployment, of a Job its CronJob, of others who made
 * it.
 *
 * What the names tell is not asked. The Deployment's controller names a ReplicaSet after itself and the hash
 * of the template, which is a label of the pods too; the CronJob's names a Job after itself and the minute
 * for which it was due. All else is asked for, the metadata alone, in the background and once.
 *
 * Owns what was answered, the newest `knownMax`, and who waits, `waitingMax` at most.
 */

import type { Clock } from '../../../lib/clock.ts';
import { ApiError, type Client } from './client.ts';
import { controllerOf, type Controller, type PodOrigin } from './objects.ts';
import type { WorkloadKind } from '../../../model/record.ts';

export const originLimits = {
  knownMax: 4096,
  waitingMax: 1024,
  askingMax: 2,
  againMs: 30_000,
} as const;

export interface Workload {
  readonly name: string;
  readonly kind: WorkloadKind;
}

const kinds: Readonly<Record<string, WorkloadKind>> = {
  Deployment: 'deployment',
  ReplicaSet: 'replicaset',
  StatefulSet: 'statefulset',
  DaemonSet: 'daemonset',
  Job: 'job',
  CronJob: 'cronjob',
  ReplicationController: 'replicationcontroller',
};

export function workloadOf({ kind, name }: Pick<Controller, 'kind' | 'name'>): Workload {
  return { name, kind: kinds[kind] ?? 'custom_resource' };
}

/** A Job may be started late, by its CronJob's deadline; a date in a name is none of these minutes. */
const lateMsMax = 86_400_000;

function deploymentIn({ name }: Controller, { templateHash }: PodOrigin): Workload | undefined {
  if (templateHash === undefined || !name.endsWith(`-${templateHash}`)) return undefined;
  return { name: name.slice(0, -templateHash.length - 1), kind: 'deployment' };
}

function cronJobIn({ name }: Controller, { createdMs }: PodOrigin): Workload | undefined {
  const [, cronJob, minutes] = /^(.+)-(\d{8})$/.exec(name) ?? [];
  if (cronJob === undefined || createdMs === undefined) return undefined;
  const lateMs = createdMs - Number(minutes) * 60_000;
  return lateMs >= -60_000 && lateMs <= lateMsMax ? { name: cronJob, kind: 'cronjob' } : undefined;
}

/** What the pod's own metadata tell: undefined where somebody must be asked. */
export function toldWorkload(pod: PodOrigin, node: string): Workload | undefined {
  const { controller } = pod;
  if (!controller) return { name: pod.name, kind: 'pod' };
  switch (controller.kind) {
    case 'Node': {
      // From a file of the node: the kubelet adds the node's name.
      const suffix = `-${node}`;
      return { name: pod.name.endsWith(suffix) ? pod.name.slice(0, -suffix.length) : pod.name, kind: 'pod' };
    }
    case 'ReplicaSet':
      return deploymentIn(controller, pod);
    case 'Job':
      return cronJobIn(controller, pod);
    default:
      return workloadOf(controller);
  }
}

/** Without asking: the controller itself, where the names tell no more. */
export function guessedWorkload(pod: PodOrigin, node: string): Workload {
  return toldWorkload(pod, node) ?? workloadOf(pod.controller ?? { kind: 'Pod', name: pod.name });
}

const paths: Readonly<Record<string, string>> = {
  ReplicaSet: '/apis/apps/v1/namespaces/{namespace}/replicasets/',
  Job: '/apis/batch/v1/namespaces/{namespace}/jobs/',
};

const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

interface Question {
  readonly namespace: string;
  readonly controller: Controller;
}

export interface Origins {
  /** Undefined: not known yet. */
  workload(pod: PodOrigin): Workload | undefined;
  /** Goes on asking. UIDs of the controllers of which an answer came since the last call. */
  pump(): ReadonlySet<string>;
  /** What the last failure was, for people. */
  error(): string | null;
}

interface OriginParts {
  readonly client: Client;
  readonly clock: Pick<Clock, 'monotonicNs'>;
  readonly signal: AbortSignal;
  readonly node: string;
}

export function openOrigins({ client, clock, signal, node }: OriginParts): Origins {
  /** By UID: a name is given again. */
  const known = new Map<string, Workload>();
  const waiting = new Map<string, Question>();
  const asking = new Set<string>();
  let news = new Set<string>();
  let againNs = 0n;
  let lastError: string | null = null;

  function remember(uid: string, workload: Workload): void {
    known.set(uid, workload);
    news.add(uid);
    const [oldest] = known.keys();
    if (known.size > originLimits.knownMax && oldest !== undefined) known.delete(oldest);
  }

  function wait(question: Question): void {
    if (waiting.size < originLimits.waitingMax) waiting.set(question.controller.uid, question);
  }

  async function ask(question: Question): Promise<void> {
    const { namespace, controller } = question;
    const path = paths[controller.kind]?.replace('{namespace}', encodeURIComponent(namespace)) ?? '';
    asking.add(controller.uid);
    try {
      const object = await client.getJson({
        path: path + encodeURIComponent(controller.name),
        accept: metadataOnly,
        signal,
      });
      remember(controller.uid, workloadOf(controllerOf(object) ?? controller));
      lastError = null;
    } catch (error) {
      lastError = (error as Error).message;
      // It is gone: what it was made by is not known any more.
      if (error instanceof ApiError && error.status === 404) remember(controller.uid, workloadOf(controller));
      else {
        againNs = clock.monotonicNs() + BigInt(originLimits.againMs) * 1_000_000n;
        wait(question);
      }
    } finally {
      asking.delete(controller.uid);
    }
  }

  return {
    workload(pod) {
      const { controller, namespace } = pod;
      const told = toldWorkload(pod, node) ?? known.get(controller?.uid ?? '');
      if (told || !controller) return told;
      if (!asking.has(controller.uid)) wait({ namespace, controller });
      return undefined;
    },
    pump() {
      for (const [uid, question] of againNs > clock.monotonicNs() ? [] : waiting) {
        if (asking.size >= originLimits.askingMax) break;
        waiting.delete(uid);
        void ask(question);
      }
      const told = news;
      if (news.size > 0) news = new Set();
      return told;
    },
    error: () => lastError,
  };
}
