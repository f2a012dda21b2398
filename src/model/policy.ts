/**
 * Field policy: what may be done with each field of a record before it leaves the node, and what the presets
 * do. Of fields that are not named here the type of the label decides.
 */

import { labels, type Label } from './labels.ts';

/** `truncate_public` leaves addresses alone that are nobody's on the internet. */
export const fieldActions = ['keep', 'truncate_public', 'truncate', 'hash', 'drop'] as const;
export type FieldAction = (typeof fieldActions)[number];

export const policyPresets = ['minimal', 'standard', 'full'] as const;
export type PolicyPreset = (typeof policyPresets)[number];

/**
 * What a truncated value is: an address's network, a name's registered domain, the first word of a program's
 * name. Text and numbers are not truncated; `fixed` is kept whatever a policy says.
 */
export type FieldKind = 'address' | 'domain' | 'program' | 'text' | 'number' | 'fixed';

export interface FieldRule {
  readonly name: string;
  readonly kind: FieldKind;
  readonly actions: readonly FieldAction[];
  readonly presets: Readonly<Record<PolicyPreset, FieldAction>>;
  /** It says, in the same record, what these fields say: it must not be left where they are hidden. */
  readonly tells: readonly string[];
  /** Its form is told beside it. */
  readonly hasForm: boolean;
  /** Stands there when it is dropped: its records cannot be without. */
  readonly dropsTo: string | undefined;
}

const actionsOf: Readonly<Record<FieldKind, readonly FieldAction[]>> = {
  address: ['keep', 'truncate_public', 'truncate', 'hash', 'drop'],
  domain: ['keep', 'truncate', 'hash', 'drop'],
  program: ['keep', 'truncate', 'hash', 'drop'],
  text: ['keep', 'hash', 'drop'],
  number: ['keep', 'drop'],
  fixed: ['keep'],
};

/** A record needs them: sums, times, its identity, and words that the standard counts by. */
const fixedText: ReadonlySet<string> = new Set([
  'environment',
  'agent.id',
  'agent.version',
  'agent.instance',
  'boot.id',
  'policy.version',
  'attribution',
  'direction',
  'network.transport',
  'network.type',
  'connection.state',
  'connection.id',
  'listener.id',
  'address.change',
  'timeout.by',
  'error',
  'reset.side',
  'close.reason',
  'dns.question.type',
  'dns.rcode',
  'workload.kind',
  'container.runtime',
  'k8s.pod.qos',
  'destination.name.source',
  'destination.scope',
  'destination.service',
  'destination.redirected_by',
]);

interface Named {
  readonly kind: FieldKind;
  readonly standard?: FieldAction;
  readonly minimal: FieldAction;
  readonly tells?: readonly string[];
  /** Records cannot be without: it is not dropped. */
  readonly stays?: true;
  readonly hasForm?: true;
  readonly dropsTo?: string;
}

/** What the standard has or will have; a name that is not among the labels yet is waiting for its field. */
const named: Readonly<Record<string, Named>> = {
  'host.name': { kind: 'domain', minimal: 'keep', stays: true, hasForm: true },
  'process.name': { kind: 'program', minimal: 'keep', stays: true, hasForm: true },
  'process.executable.path': { kind: 'text', minimal: 'drop', tells: ['process.name'] },
  'process.command_line': {
    kind: 'text',
    standard: 'drop',
    minimal: 'drop',
    tells: ['process.name', 'process.executable.path', 'user.name'],
  },
  'process.pid': { kind: 'number', minimal: 'drop' },
  'process.start': { kind: 'number', minimal: 'drop' },
  'process.parent.pid': { kind: 'number', minimal: 'drop' },
  'process.parent.name': { kind: 'program', minimal: 'drop' },
  'user.id': { kind: 'number', minimal: 'drop' },
  'user.name': { kind: 'text', standard: 'drop', minimal: 'drop' },
  'workload.name': { kind: 'text', minimal: 'keep', tells: ['systemd.unit', 'container.name'] },
  'workload.owner': { kind: 'text', minimal: 'keep' },
  // Whoever writes a rule calls it as what it gives.
  'workload.rule': { kind: 'text', minimal: 'drop', tells: ['workload.name', 'workload.owner'] },
  'container.id': { kind: 'text', minimal: 'drop' },
  'container.name': { kind: 'text', minimal: 'keep', tells: ['workload.name'] },
  'container.image': { kind: 'text', minimal: 'drop' },
  'k8s.pod.uid': { kind: 'text', minimal: 'drop' },
  // It begins with its workload's name.
  'k8s.pod': { kind: 'text', minimal: 'drop', tells: ['workload.name'] },
  'k8s.service_account': { kind: 'text', minimal: 'drop' },
  'systemd.unit': { kind: 'text', minimal: 'keep', tells: ['workload.name'] },
  'k8s.namespace': { kind: 'text', minimal: 'keep' },
  'k8s.cluster': { kind: 'text', minimal: 'keep' },
  'k8s.node': { kind: 'domain', minimal: 'keep', tells: ['host.name'] },
  'cgroup.path': {
    kind: 'text',
    minimal: 'drop',
    tells: ['systemd.unit', 'container.id', 'k8s.pod.uid', 'workload.name', 'user.id'],
  },
  labels: { kind: 'text', minimal: 'drop' },
  'source.ip': {
    kind: 'address',
    standard: 'truncate_public',
    minimal: 'drop',
    tells: ['destination.ip'],
    hasForm: true,
  },
  'source.port': { kind: 'number', minimal: 'drop' },
  'destination.ip': {
    kind: 'address',
    standard: 'truncate_public',
    minimal: 'truncate',
    stays: true,
    hasForm: true,
  },
  'destination.name': {
    kind: 'domain',
    standard: 'truncate',
    minimal: 'truncate',
    tells: ['dns.question.name'],
  },
  'destination.zone': { kind: 'text', minimal: 'keep' },
  'destination.as.number': { kind: 'number', minimal: 'keep', tells: ['destination.as.org'] },
  'destination.as.org': { kind: 'text', minimal: 'keep', tells: ['destination.as.number'] },
  'destination.geo.country': { kind: 'text', minimal: 'keep' },
  'destination.translated.ip': {
    kind: 'address',
    standard: 'truncate_public',
    minimal: 'drop',
    tells: ['destination.ip'],
  },
  'destination.translated.port': { kind: 'number', minimal: 'drop' },
  'dns.question.name': {
    kind: 'domain',
    standard: 'truncate',
    minimal: 'truncate',
    hasForm: true,
    dropsTo: '*',
  },
  'dns.answers': { kind: 'address', standard: 'truncate_public', minimal: 'drop', tells: ['destination.ip'] },
};

function isFixed({ name, type }: Label): boolean {
  return type !== 'string' || fixedText.has(name) || name.endsWith('.form');
}

function ruleOf(label: Label): FieldRule {
  const { name } = label;
  const of: Named =
    named[name] ?? (isFixed(label) ? { kind: 'fixed', minimal: 'keep' } : { kind: 'text', minimal: 'drop' });
  return {
    name,
    kind: of.kind,
    actions: actionsOf[of.kind].filter((action) => action !== 'drop' || of.stays === undefined),
    presets: { minimal: of.minimal, standard: of.standard ?? 'keep', full: 'keep' },
    tells: of.tells ?? [],
    hasForm: of.hasForm === true,
    dropsTo: of.dropsTo,
  };
}

/** Of every label, in their order. */
export const fieldRules: readonly FieldRule[] = labels.map(ruleOf);

export type FieldActions = Readonly<Record<string, FieldAction>>;

/** What is done with each field. */
export function effectiveActions(preset: PolicyPreset, fields: FieldActions): Map<string, FieldAction> {
  return new Map(fieldRules.map(({ name, presets }) => [name, fields[name] ?? presets[preset]]));
}

const strength: Readonly<Record<FieldAction, number>> = {
  keep: 0,
  truncate_public: 1,
  truncate: 2,
  hash: 3,
  drop: 3,
};

export interface PolicyProblem {
  readonly field: string;
  readonly message: string;
}

const done: Readonly<Record<FieldAction, string>> = {
  keep: 'kept',
  truncate_public: 'truncated',
  truncate: 'truncated',
  hash: 'hashed',
  drop: 'dropped',
};

function problemOfOne(field: string, action: FieldAction): string | undefined {
  const rule = fieldRules.find(({ name }) => name === field);
  if (!rule) return 'no record has a field of this name (docs/reference/policy-fields.md names them all)';
  if (rule.actions.includes(action)) return undefined;
  const required = labels.some((label) => label.name === field && label.required);
  const must = `must be ${rule.actions.join(', ')}`;
  return `${required ? 'a required label ' : ''}cannot be ${done[action]}; ${must}`;
}

/** The first thing wrong with what a configuration says of fields. */
export function policyProblem(preset: PolicyPreset, fields: FieldActions): PolicyProblem | undefined {
  for (const [field, action] of Object.entries(fields)) {
    const message = problemOfOne(field, action);
    if (message !== undefined) return { field, message };
  }
  const actions = effectiveActions(preset, fields);
  const at = (name: string): number => strength[actions.get(name) ?? 'keep'];
  for (const { name, tells } of fieldRules) {
    const told = tells.find((other) => at(name) < Math.min(at(other), strength.truncate));
    if (told === undefined) continue;
    const [is, hidden] = [done[actions.get(name) ?? 'keep'], done[actions.get(told) ?? 'keep']];
    return { field: name, message: `${is}, it would tell ${told}, which is ${hidden}: hide it too` };
  }
  return undefined;
}
