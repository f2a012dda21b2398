/** Where the labels of a process come from, asked of /proc and the rules: no agent needs to run. */

import { readFileSync, statSync } from 'node:fs';
import { systemClock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Owner } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import { tellingPath } from './cgroup-path.ts';
import { groupsNow } from './cgroups.ts';
import type { ContainerSockets, OwnershipRule } from './config.ts';
import { openContainers } from './containers.ts';
import type { KubernetesConfig } from './kubernetes/config.ts';
import { openCluster } from './kubernetes/open.ts';
import { findOwnProcesses } from './own.ts';
import { candidatesOf, matchedOf, missOf, ruleFor, withRule, type Miss } from './ownership.ts';
import { startTicks } from './running.ts';
import { knownOf, subjectLabels, subjectOf, type Known, type Subject } from './subject.ts';
import { openUsers } from './users.ts';

export interface ExplainedLabel {
  readonly name: string;
  readonly value: unknown;
  readonly from: string;
}

export interface ExplainedRule {
  readonly id: string;
  /**
   * `gives`: it is the first that matches. `other_ports`: it would, for a port that it names. `misses`: see
   * `miss`. `not_asked`: one before it gives.
   */
  readonly verdict: 'gives' | 'other_ports' | 'misses' | 'not_asked';
  readonly miss?: Miss;
  readonly ports?: readonly string[];
}

export interface Explanation {
  readonly pid: number;
  /** As the rules see it. */
  readonly cgroup: string | null;
  readonly labels: readonly ExplainedLabel[];
  readonly rules: readonly ExplainedRule[];
}

export interface Explaining {
  readonly rules: readonly OwnershipRule[];
  /** Of the node. */
  readonly environment: string | undefined;
  readonly sockets: ContainerSockets;
  readonly kubernetes: KubernetesConfig;
  /** One that the process serves. */
  readonly port?: number | undefined;
}

const control = 'control group';
const runtime = 'the container\u2019s runtime';
const cluster = 'the API server of its cluster';

/** For the cluster's answer. */
const patienceMs = 5000;

const sources: Readonly<Record<keyof ProcessLabels, string>> = {
  'process.name': '/proc/PID/comm, or the executable where that says nothing',
  'process.executable.path': '/proc/PID/exe',
  'user.id': '/proc/PID/status',
  'user.name': '/etc/passwd',
  'workload.name': control,
  'workload.kind': control,
  'systemd.unit': control,
  'container.id': control,
  'container.name': runtime,
  'container.image': runtime,
  'container.runtime': control,
  'k8s.pod.uid': control,
  'k8s.pod.qos': control,
  'k8s.namespace': cluster,
  'k8s.pod': cluster,
  'k8s.service_account': cluster,
  'enrichment.missing': 'they did not answer',
  'cgroup.path': control,
  'workload.owner': 'rule',
  'workload.rule': 'rule',
  environment: 'rule',
  labels: 'rule',
};

/** Of a thread, its process. Throws labels.process for one that is not there. */
function ownerNow(id: number): Owner {
  try {
    const status = readFileSync(`/proc/${String(id)}/status`, 'utf8');
    const field = (name: string) =>
      new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split('\t') ?? [];
    const pid = Number(field('Tgid')[0]);
    return {
      id: 1,
      usedInWindow: 0,
      name: readFileSync(`/proc/${String(pid)}/comm`, 'utf8').replace(/\n$/, ''),
      uid: Number(field('Uid')[1]), // the effective one
      cgroupId: 0n,
      exeInode: exeInode(pid),
      exeDevice: 0,
      pid,
      pidStartedNs: (startTicks(pid) + 0.5) * 1e7,
      kernelPath: undefined,
    };
  } catch (error) {
    const reason = (error as Error).message;
    throw new OperatorError('labels.process', { pid: id, reason }, { cause: error });
  }
}

/** 0: a kernel thread has none, and another user's is not to be seen. */
function exeInode(pid: number): number {
  try {
    return statSync(`/proc/${String(pid)}/exe`).ino;
  } catch {
    return 0;
  }
}

function portsOf({ match }: OwnershipRule): string[] | undefined {
  return match.port?.map(({ from, to }) => (from === to ? String(from) : `${String(from)}-${String(to)}`));
}

function verdictsOf(
  rules: readonly OwnershipRule[],
  given: OwnershipRule | undefined,
  missOfRule: (rule: OwnershipRule) => Miss | undefined,
): ExplainedRule[] {
  const end = given === undefined ? rules.length : rules.indexOf(given);
  return rules.map((rule, at): ExplainedRule => {
    const ports = portsOf(rule);
    const told = { id: rule.id, ...(ports ? { ports } : {}) };
    if (at >= end) return { ...told, verdict: at === end ? 'gives' : 'not_asked' };
    const miss = missOfRule(rule);
    return miss ? { ...told, verdict: 'misses', miss } : { ...told, verdict: 'other_ports' };
  });
}

/** Who is asked is asked now, and waited for. */
async function knownNow(
  subject: Subject,
  { sockets, kubernetes }: Pick<Explaining, 'sockets' | 'kubernetes'>,
): Promise<Known> {
  const { container, pod } = subject.placement;
  await using open = pod && (await openCluster({ ...kubernetes, destinations: 'off' }, 0));
  const facts = pod && (await open?.ask(pod.uid, AbortSignal.timeout(patienceMs)));
  const containers = openContainers(sockets, systemClock);
  const told = container && !open ? await containers.ask(container) : undefined;
  return knownOf(subject, {
    users: openUsers(),
    containers: { ...containers, factsOf: () => told },
    pods: open && { pod: () => facts },
  });
}

/** Of a pod that the cluster knows. */
const ofPods: ReadonlySet<keyof ProcessLabels> = new Set([
  'workload.name',
  'workload.kind',
  'workload.owner',
  'container.name',
  'container.image',
  'labels',
]);

export async function explainProcess(
  id: number,
  { rules, environment, port, ...asked }: Explaining,
): Promise<Explanation> {
  const owner = ownerNow(id);
  const groups = groupsNow(owner);
  const cgroup = groups === undefined ? undefined : tellingPath(groups);
  const subject = subjectOf(owner, findOwnProcesses(), cgroup);
  const known = await knownNow(subject, asked);
  const bare = subjectLabels(subject, known);
  const matched = matchedOf(subject, bare);
  const rule = ruleFor(candidatesOf(rules, matched), port);
  const ruled = withRule(bare, rule);
  const labels = Object.entries(ruled).map(([name, value]): ExplainedLabel => {
    const key = name as keyof ProcessLabels;
    const source = known.pod && ofPods.has(key) ? cluster : sources[key];
    const from = value === bare[key] ? source : `rule ${rule?.id ?? ''}`;
    return { name, value, from: key === 'workload.name' && subject.own ? 'one of Sonde\u2019s own' : from };
  });
  if (ruled.environment === undefined)
    labels.push({
      name: 'environment',
      value: environment ?? 'unknown',
      from: environment === undefined ? 'set nowhere' : 'the node\u2019s, in the configuration',
    });
  return {
    pid: owner.pid,
    cgroup: cgroup ?? null,
    labels,
    rules: verdictsOf(rules, rule, (of) => missOf(of, matched)),
  };
}
