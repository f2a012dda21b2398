/**
 * Whose socket: from the kernel's owner number to the process labels.
 *
 * Owns what is known by owner number, of as many as the kernel has places, and of numbers that were taken
 * back the newest `retiredMax`: a number means one owner for good. An owner is looked up in /proc once, as
 * soon as it is met; a process that is gone by then keeps the path that the kernel programs copied. Labels
 * are made then too: a row costs one look into a map.
 */

import { systemClock } from '../../lib/clock.ts';
import type { Owner } from '../../model/observation.ts';
import { unknownLabel, type ProcessLabels } from '../../model/record.ts';
import { openCgroups, type Cgroups } from './cgroups.ts';
import { openCommandLines, type CommandLines } from './command-line.ts';
import type { CommandLineMode, ContainerSockets, OwnershipRule } from './config.ts';
import { openContainers, type Containers } from './containers.ts';
import type { PodLookup } from './kubernetes/kubernetes.ts';
import { findOwnProcesses, type OwnProcesses } from './own.ts';
import { candidatesOf, matchedOf, ruleFor, withRule, type Candidates } from './ownership.ts';
import { knownOf, subjectLabels, subjectOf, type Subject } from './subject.ts';
import { openUsers, type Users } from './users.ts';

export interface OwnerTable {
  /** Looks up the owners met since the last call. Cheap when there are none. */
  refresh(): void;
  /** `servedPort`: of a listener, and of what was opened to this host. */
  labels(id: number, servedPort?: number): ProcessLabels;
  /** Redacted; undefined unless the configuration wants it, and of a process that had ended. */
  readonly commandLine: CommandLines;
  /** Behind a window: if places are short, takes back the numbers that were longest unused. */
  recycle(window: number): Promise<void>;
}

export interface OwnerSource {
  read(id: number): Owner | undefined;
  readonly numbers: {
    /** Numbers that became somebody's since the last call; at first, all. */
    met(): readonly number[];
    known(): readonly number[];
    /** How many more places should be free. */
    lacking(): number;
    mend(): Promise<void>;
    retire(ids: readonly number[]): Promise<void>;
  };
}

export const ownerLimits = {
  /** Numbers taken back whose labels are still known: of sockets that no sweep sees. */
  retiredMax: 16_384,
  /** A number in use is met by each window's sweep, or was by the connections of the last. */
  idleWindowsMin: 2,
} as const;

const nobody: ProcessLabels = { 'process.name': unknownLabel };

/** Those unused for longest first; none that the last window knew. */
function longestUnused(source: OwnerSource, window: number): number[] {
  const owners = source.numbers.known().map((id) => source.read(id));
  return owners
    .filter((owner) => owner !== undefined)
    .filter(({ usedInWindow }) => window - usedInWindow >= ownerLimits.idleWindowsMin)
    .sort((a, b) => a.usedInWindow - b.usedInWindow)
    .map(({ id }) => id);
}

/** Where it is looked up; tests have others. */
export interface OwnerParts {
  readonly own: OwnProcesses;
  readonly users: Users;
  readonly cgroups: Cgroups;
  readonly containers: Containers;
  /** Undefined where Kubernetes is not asked. */
  readonly pods: PodLookup | undefined;
  readonly rules: readonly OwnershipRule[];
  readonly commandLine: CommandLines;
}

interface OwnerOptions {
  readonly ownership: readonly OwnershipRule[];
  readonly command_line: CommandLineMode;
  readonly container_sockets: ContainerSockets;
}

interface Configured {
  readonly config: OwnerOptions;
  readonly kubernetes: PodLookup | undefined;
}

/** `kubernetes`: undefined where it is not asked. */
export function ownerParts({ config: options, kubernetes: pods }: Configured): OwnerParts {
  return {
    own: findOwnProcesses(),
    users: openUsers(),
    cgroups: openCgroups(systemClock),
    containers: openContainers(options.container_sockets, systemClock),
    pods,
    rules: options.ownership,
    commandLine: openCommandLines(options.command_line),
  };
}

interface Known {
  readonly subject: Subject;
  readonly candidates: Candidates;
  readonly labels: ProcessLabels;
  /** By the rules that want a port. */
  readonly byRule: ReadonlyMap<OwnershipRule, ProcessLabels>;
}

function labelsFor({ candidates, labels, byRule }: Known, servedPort: number | undefined): ProcessLabels {
  if (byRule.size === 0) return labels;
  const rule = ruleFor(candidates, servedPort);
  return (rule && byRule.get(rule)) ?? labels;
}

/** Whether it runs in one of these containers. */
function inContainers(ids: readonly string[]): (subject: Subject) => boolean {
  const all = new Set(ids);
  return ({ placement: { container } }) => container !== undefined && all.has(container.id);
}

/** Whether in one of these pods. */
function inPods(uids: readonly string[]): (subject: Subject) => boolean {
  const all = new Set(uids);
  return ({ placement: { pod } }) => pod !== undefined && all.has(pod.uid);
}

export function openOwners(source: OwnerSource, parts: OwnerParts): OwnerTable {
  const { own, users, cgroups, containers, pods, rules, commandLine } = parts;
  const { numbers } = source;
  const table = new Map<number, Known>();
  /** A map keeps the order in which they came: the first are the oldest. */
  const retired = new Map<number, Known>();
  /** Met without a group, and not looked for since. */
  const placeless = new Set<number>();

  function labelled(subject: Subject): Known {
    const bare = subjectLabels(subject, knownOf(subject, { users, containers, pods }));
    const candidates = candidatesOf(rules, matchedOf(subject, bare));
    return {
      subject,
      candidates,
      labels: withRule(bare, candidates.rule),
      byRule: new Map(candidates.byPort.map((rule) => [rule, withRule(bare, rule)])),
    };
  }

  function lookUp(id: number): Known | undefined {
    const known = table.get(id) ?? retired.get(id);
    if (known) return known;
    const owner = id === 0 ? undefined : source.read(id);
    if (!owner) return undefined; // the kernel is still writing it, or it was taken back before our time
    const cgroup = cgroups.pathOf(owner);
    if (cgroup === undefined && owner.cgroupId !== 0n) placeless.add(id);
    const found = labelled(subjectOf(owner, own, cgroup));
    table.set(id, found);
    return found;
  }

  /** Those that were met before the look; a group that it did not find is gone. */
  function place(): void {
    for (const id of placeless) {
      const owner = table.has(id) ? source.read(id) : undefined;
      const cgroup = owner && cgroups.pathOf(owner);
      if (owner && cgroup !== undefined) table.set(id, labelled(subjectOf(owner, own, cgroup)));
    }
    placeless.clear();
  }

  function remember(id: number): void {
    const known = lookUp(id);
    if (known) retired.set(id, known);
    table.delete(id);
    const [oldest] = retired.keys();
    if (retired.size > ownerLimits.retiredMax && oldest !== undefined) retired.delete(oldest);
  }

  function relabel(isMeant: (subject: Subject) => boolean): void {
    for (const known of [table, retired])
      for (const [id, { subject }] of known) if (isMeant(subject)) known.set(id, labelled(subject));
  }

  return {
    commandLine,
    refresh() {
      for (const id of numbers.met()) lookUp(id);
      if (placeless.size > 0 && cgroups.look()) place();
      const [named, told] = [containers.pump(), pods?.pump() ?? []];
      if (named.length > 0) relabel(inContainers(named));
      if (told.length > 0) relabel(inPods(told));
    },
    labels(id, servedPort) {
      const known = lookUp(id);
      return known ? labelsFor(known, servedPort) : nobody;
    },
    async recycle(window) {
      if (users.refresh()) relabel(() => true);
      if (numbers.lacking() === 0) return;
      await numbers.mend();
      const idle = longestUnused(source, window).slice(0, numbers.lacking());
      for (const id of idle) remember(id);
      await numbers.retire(idle);
    },
  };
}
