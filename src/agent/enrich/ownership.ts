/** Which rule of the configuration says whose a process is: the first that matches. */

import { globMatches } from '../../lib/glob.ts';
import { ownWorkload, type ProcessLabels } from '../../model/record.ts';
import type { OwnershipRule } from './config.ts';
import type { Subject } from './subject.ts';

type Match = OwnershipRule['match'];
/** What of a process is matched without its sockets; in the order in which it is told. */
type Key = Exclude<keyof Match, 'port' | 'user'>;

/** As a rule sees a process. */
export interface Matched extends Readonly<Record<Key, readonly string[]>> {
  readonly uid: number;
  readonly user: string | undefined;
}

function known(...values: readonly (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined);
}

export function matchedOf(subject: Subject, labels: ProcessLabels): Matched {
  const { container, pod, unit } = subject.placement;
  return {
    process: [subject.name],
    executable: known(subject.executable),
    unit: known(unit),
    cgroup: known(subject.cgroup),
    container: known(container?.id, labels['container.name']),
    image: known(labels['container.image']),
    pod: known(pod?.uid, labels['k8s.pod']),
    namespace: known(labels['k8s.namespace']),
    uid: subject.uid,
    user: labels['user.name'],
  };
}

/** What of a rule a process does not have. */
export interface Miss {
  readonly key: keyof Match;
  readonly wanted: readonly (string | number)[];
  /** Undefined: it has none, or it is not known. */
  readonly has: string | undefined;
}

const keys: readonly Key[] = [
  'process',
  'executable',
  'unit',
  'cgroup',
  'container',
  'image',
  'pod',
  'namespace',
];

/** The first key that does not match; undefined when all do. The port is another matter. */
export function missOf({ match }: OwnershipRule, process: Matched): Miss | undefined {
  for (const key of keys) {
    const [wanted, has] = [match[key], process[key]];
    if (wanted === undefined) continue;
    if (!has.some((of) => wanted.some((pattern) => globMatches(pattern, of))))
      return { key, wanted, has: has.length === 0 ? undefined : has.join(', ') };
  }
  const { uid, user } = process;
  const isUser = (wanted: string | number) =>
    typeof wanted === 'number' ? wanted === uid : user !== undefined && globMatches(wanted, user);
  if (match.user === undefined || match.user.some(isUser)) return undefined;
  return {
    key: 'user',
    wanted: match.user,
    has: user === undefined ? String(uid) : `${user} (${String(uid)})`,
  };
}

/** What can be said of a process once. */
export interface Candidates {
  /** Rules that want a port beside, and come before `rule`. */
  readonly byPort: readonly OwnershipRule[];
  /** For all other ports, and for what the process opens itself. */
  readonly rule: OwnershipRule | undefined;
}

export function candidatesOf(rules: readonly OwnershipRule[], process: Matched): Candidates {
  const byPort: OwnershipRule[] = [];
  for (const rule of rules) {
    if (missOf(rule, process)) continue;
    if (rule.match.port === undefined) return { byPort, rule };
    byPort.push(rule);
  }
  return { byPort, rule: undefined };
}

export function ruleFor(
  { byPort, rule }: Candidates,
  servedPort: number | undefined,
): OwnershipRule | undefined {
  if (servedPort === undefined) return rule;
  const serves = ({ match }: OwnershipRule) =>
    match.port?.some(({ from, to }) => servedPort >= from && servedPort <= to) === true;
  return byPort.find(serves) ?? rule;
}

/** What a rule leaves out stays as it was; Sonde's own processes keep their name. */
export function withRule(labels: ProcessLabels, rule: OwnershipRule | undefined): ProcessLabels {
  if (rule === undefined) return labels;
  const name = labels['workload.name'] === ownWorkload ? undefined : rule.name;
  return {
    ...labels,
    ...(name === undefined ? {} : { 'workload.name': name }),
    ...(rule.owner === undefined ? {} : { 'workload.owner': rule.owner }),
    ...(rule.environment === undefined ? {} : { environment: rule.environment }),
    ...(rule.labels === undefined ? {} : { labels: { ...labels.labels, ...rule.labels } }),
    'workload.rule': rule.id,
  };
}
