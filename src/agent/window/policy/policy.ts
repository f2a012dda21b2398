/**
 * The field policy: what leaves the window stage has been through it, so that spool, exporters and whoever
 * watches on the local socket never see what is dropped, cut or hashed.
 *
 * Works on records and on parts of them. A part may go through it once only: a hash of a hash would be
 * another value.
 */

import { createHash } from 'node:crypto';
import type { ValueForm } from '../../../model/connection.ts';
import { effectiveActions, fieldRules, type FieldAction, type FieldRule } from '../../../model/policy.ts';
import {
  unknownLabel,
  type NodeIdentity,
  type NodeLabels,
  type ProcessLabels,
} from '../../../model/record.ts';
import type { FarLabels, NameSource } from '../../../model/far.ts';
import type { PolicyConfig } from './config.ts';
import { hasherOf, readKey, type Hasher } from './hash.ts';
import {
  truncateAddress,
  truncateDomain,
  truncateProgram,
  type PrefixLengths,
  type Suffixes,
  type Truncated,
} from './truncate.ts';

/** Labels that many rows share, as they leave; `key` is equal for those that became equal. */
export interface Told<Labels> {
  readonly labels: Labels;
  readonly key: string;
}

export interface FieldPolicy {
  /** NAME@SUM: the sum is of what it does, so that two policies of one name are told apart. */
  readonly version: string;
  /** Takes fields that the policy drops out of a record or a part of one, and changes others. */
  readonly apply: <T extends object>(fields: T) => T;
  /** The same for labels of a process; each object is looked at once. */
  readonly owner: (process: ProcessLabels) => Told<ProcessLabels>;
  /**
   * The same for labels of the other end. A name that the operator or the cluster gave is no domain: it is
   * kept where domains are truncated.
   */
  readonly far: (labels: FarLabels | undefined) => Told<FarLabels>;
  readonly node: (node: NodeIdentity) => NodeLabels;
}

type Change = (value: string) => Truncated;
/** Undefined: dropped. */
type Changes = ReadonlyMap<string, { readonly change: Change; readonly hasForm: boolean } | undefined>;

interface Tools {
  readonly lengths: PrefixLengths;
  readonly hasher: Hasher | undefined;
  readonly suffixes: Suffixes | undefined;
}

function changeOf(
  { name, kind, dropsTo }: FieldRule,
  action: FieldAction,
  { lengths, hasher, suffixes }: Tools,
): Change {
  if (action === 'drop' && dropsTo !== undefined) return () => ({ value: dropsTo, form: undefined });
  if (action === 'hash' && hasher) return (value) => ({ value: hasher.hash(value), form: 'hashed' });
  if (kind === 'address') return truncateAddress(lengths, action === 'truncate_public');
  if (kind === 'program') return truncateProgram;
  if (kind === 'domain' && suffixes)
    return truncateDomain(suffixes, name === 'host.name' ? unknownLabel : '*');
  throw new Error(`nothing does ${action} to ${name}`);
}

/** What nobody could tell is no secret, and is counted; a folded address is the widest network already. */
function hidesNothing(value: string): boolean {
  return value === unknownLabel || value === '' || value === '0.0.0.0/0' || value === '::/0';
}

function changed(value: unknown, change: Change): unknown {
  if (typeof value === 'string') return hidesNothing(value) ? value : change(value).value;
  if (Array.isArray(value)) return [...new Set(value.map((item) => changed(item, change)))];
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, changed(item, change)]));
}

function applied(fields: object, changes: Changes): object {
  const left: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const of = changes.get(name);
    if (of === undefined) {
      // The form of a changed value stands there already.
      if (!changes.has(name) && !Object.hasOwn(left, name)) left[name] = value;
    } else if (of.hasForm && typeof value === 'string' && !hidesNothing(value)) {
      const { value: rest, form } = of.change(value);
      left[name] = rest;
      if (form !== undefined) left[`${name}.form`] = form satisfies ValueForm;
    } else left[name] = changed(value, of.change);
  }
  return left;
}

function changesOf(actions: ReadonlyMap<string, FieldAction>, tools: Tools): Changes {
  const changes = new Map<string, { change: Change; hasForm: boolean } | undefined>();
  for (const rule of fieldRules) {
    const action = actions.get(rule.name) ?? 'keep';
    if (action === 'keep') continue;
    const drops = action === 'drop' && rule.dropsTo === undefined;
    changes.set(
      rule.name,
      drops ? undefined : { change: changeOf(rule, action, tools), hasForm: rule.hasForm },
    );
    if (drops && rule.hasForm) changes.set(`${rule.name}.form`, undefined);
  }
  return changes;
}

function onceEach<Labels extends object>(apply: (labels: Labels) => Labels): (of: Labels) => Told<Labels> {
  const known = new WeakMap<Labels, Told<Labels>>();
  return (of) => {
    const before = known.get(of);
    if (before) return before;
    const labels = apply(of);
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    const told = { labels, key };
    known.set(of, told);
    return told;
  };
}

const nothingFar: FarLabels = {};
const givenNames: ReadonlySet<NameSource | undefined> = new Set(['static', 'k8s'] as const);

/** `ofGiven`: the changes where destination.name is no domain. */
function policyOf(version: string, changes: Changes, ofGiven: Changes = changes): FieldPolicy {
  const apply = <T extends object>(fields: T): T =>
    changes.size === 0 ? fields : (applied(fields, changes) as T);
  const far = onceEach<FarLabels>((labels) =>
    givenNames.has(labels['destination.name.source']) ? applied(labels, ofGiven) : apply(labels),
  );
  return {
    version,
    apply,
    owner: onceEach<ProcessLabels>(apply),
    far: (labels = nothingFar) => far(labels),
    node: (node) => ({ ...apply(node), 'policy.version': version }),
  };
}

/** Loaded only where names are truncated: the list takes 11 MB of memory. */
async function loadSuffixes(): Promise<Suffixes> {
  return await import('tldts');
}

/** Throws policy.key_unusable. */
export async function openPolicy(config: PolicyConfig): Promise<FieldPolicy> {
  const actions = effectiveActions(config.preset, config.fields);
  const wants = (what: FieldAction, kind?: string): boolean =>
    fieldRules.some((rule) => actions.get(rule.name) === what && (kind === undefined || rule.kind === kind));
  const lengths = { ipv4: config.prefix_ipv4, ipv6: config.prefix_ipv6 };
  const hasher =
    wants('hash') && config.key_file !== undefined ? hasherOf(readKey(config.key_file)) : undefined;
  const suffixes = wants('truncate', 'domain') ? await loadSuffixes() : undefined;
  const does = [[...actions].filter(([, action]) => action !== 'keep').sort(), lengths, hasher?.keyId];
  const sum = createHash('sha256').update(JSON.stringify(does)).digest('hex').slice(0, 8);
  const version = `${config.version ?? config.preset}@${sum}`;
  const changes = changesOf(actions, { lengths, hasher, suffixes });
  const ofGiven = new Map(changes);
  if (actions.get('destination.name') === 'truncate') ofGiven.delete('destination.name');
  return policyOf(version, changes, ofGiven);
}

/** For tests of what is not about policies. */
export const keepsAll: FieldPolicy = policyOf('full@0', new Map());
