/**
 * A labelling standard: which labels a record must have, what they may be, and what of a record falls
 * short. The seven required labels are in every standard. Measured values are not labels: it is about text.
 */

import { allLabels, presencesOf, requiredLabels, type Label } from './labels.ts';
import { unknownLabel } from './record.ts';
import type { RecordKind } from './schema/field.ts';

export interface Standard {
  /** Beside the seven. */
  readonly required: readonly string[];
  /** Of labels that are there: all that they may be. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** Of labels that are there: a regular expression that is found in them. */
  readonly patterns: Readonly<Record<string, string>>;
}

/** Nothing but the seven. */
export const plainStandard: Standard = { required: [], values: {}, patterns: {} };

/** `missing`: not there, empty, or `unknown`. */
export const shortRules = ['missing', 'not_allowed', 'not_matching'] as const;
export type ShortRule = (typeof shortRules)[number];

export interface Shortfall {
  readonly label: string;
  readonly rule: ShortRule;
}

export type Fields = Readonly<Record<string, unknown>>;

const free = /^labels\.([a-z][a-z0-9._-]{0,62})$/;

/** A label that a rule of the configuration gives, beside those of the table. */
export function freeLabelOf(name: string): string | undefined {
  return free.exec(name)?.[1];
}

const labelsByName = new Map(allLabels.map((label) => [label.name, label]));
/** Known only once the field policy has been applied, or to the delivery. */
const later: ReadonlySet<string> = new Set(['event.name', 'policy.version']);

function isJudged({ name, type, on }: Label): boolean {
  const onRows = presencesOf({ on }).some(({ kind }) => kind === 'flow' || kind === 'dns');
  const isText = type === 'string' || name === 'user.id';
  return onRows && (isText || requiredLabels.includes(name)) && !later.has(name) && !name.endsWith('.form');
}

/** Those that a standard may name. */
export const judgedLabels = allLabels.filter(isJudged).map(({ name }) => name);

function unknownName(name: string): string | undefined {
  if (judgedLabels.includes(name) || freeLabelOf(name) !== undefined) return undefined;
  return labelsByName.has(name)
    ? 'is no label of flow and DNS records that is text (docs/reference/standard.md)'
    : 'no record has a label of this name (docs/reference/labels.md names them all)';
}

function isText(name: string): boolean {
  return (labelsByName.get(name)?.type ?? 'string') === 'string';
}

function valuesProblem(name: string, values: readonly string[]): string | undefined {
  if (!isText(name)) return 'is a number, of which values are not listed';
  const may = labelsByName.get(name)?.values;
  const never = values.find((value) => may?.includes(value) === false);
  return never === undefined ? undefined : `is never ${never}; it may be ${may?.join(', ') ?? ''}`;
}

function patternProblem(name: string, pattern: string): string | undefined {
  if (!isText(name)) return 'is a number, which no pattern matches';
  try {
    new RegExp(pattern, 'u');
    return undefined;
  } catch (error) {
    return `is no regular expression (${(error as Error).message.replace(/^.*: /, '')})`;
  }
}

export interface StandardProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The first thing wrong with what a configuration says. */
export function standardProblem({ required, values, patterns }: Standard): StandardProblem | undefined {
  const named: (readonly [path: readonly (string | number)[], name: string, problem?: string | undefined])[] =
    [
      ...required.map((name, i) => [['required', i], name] as const),
      ...Object.entries(values).map(
        ([name, of]) => [['values', name], name, valuesProblem(name, of)] as const,
      ),
      ...Object.entries(patterns).map(
        ([name, of]) => [['patterns', name], name, patternProblem(name, of)] as const,
      ),
    ];
  for (const [path, name, problem] of named) {
    const message = unknownName(name) ?? problem;
    if (message === undefined) continue;
    return { path, message: path[0] === 'required' ? `${name}: ${message}` : message };
  }
  return undefined;
}

export interface Check {
  readonly label: string;
  /** Kinds of records that have it. */
  readonly kinds: readonly RecordKind[];
  readonly required: boolean;
  readonly values: ReadonlySet<string> | undefined;
  readonly pattern: RegExp | undefined;
}

const freeKinds: readonly RecordKind[] = ['flow', 'connection', 'dns', 'listener'];

function kindsOf(name: string): RecordKind[] {
  const label = labelsByName.get(name);
  const all = label ? presencesOf(label).map(({ kind }) => kind) : freeKinds;
  // These are about no process.
  return all.filter((kind) => kind !== 'window' && kind !== 'address');
}

export function checksOf({ required, values, patterns }: Standard): Check[] {
  const names = new Set([...requiredLabels, ...required, ...Object.keys(values), ...Object.keys(patterns)]);
  return [...names].map((label) => {
    const [allowed, pattern] = [values[label], patterns[label]];
    return {
      label,
      kinds: kindsOf(label),
      required: requiredLabels.includes(label) || required.includes(label),
      values: allowed && new Set(allowed),
      pattern: pattern === undefined ? undefined : new RegExp(pattern, 'u'),
    };
  });
}

export function valueOf(fields: Fields, label: string): unknown {
  const name = label.startsWith('labels.') ? freeLabelOf(label) : undefined;
  if (name === undefined) return fields[label];
  return (fields['labels'] as Fields | undefined)?.[name];
}

/** A latency of null is no fault: there was no handshake. */
function ruleBroken({ required, values, pattern }: Check, value: unknown): ShortRule | undefined {
  if (value === undefined || value === '' || value === unknownLabel) return required ? 'missing' : undefined;
  if (typeof value !== 'string') return undefined;
  if (values?.has(value) === false) return 'not_allowed';
  return pattern?.test(value) === false ? 'not_matching' : undefined;
}

/** What of these fields falls short; `checks` are those of its kind. Asked for every row: it makes little. */
export function shortfallsOf(checks: readonly Check[], fields: Fields): Shortfall[] {
  const short: Shortfall[] = [];
  for (const check of checks) {
    const rule = ruleBroken(check, valueOf(fields, check.label));
    if (rule !== undefined) short.push({ label: check.label, rule });
  }
  return short;
}

/** A label, a rule, a workload, and how many of its records fall short in this. */
export interface Finding extends Shortfall {
  /** The process's name, where there is no workload. */
  readonly workload: string;
  readonly records: number;
  /** Of the record that was met first: what it has there, and which it is. */
  readonly value: string | null;
  readonly example: string;
}

export interface Findings {
  /** Records that were looked at, and those of them that fall short in anything. */
  readonly records: number;
  readonly short: number;
  /** Those that fall short most are first. */
  readonly findings: readonly Finding[];
  /** Records whose findings had no room of their own. */
  readonly untold: number;
}

/** Of one tally: a standard that nobody keeps must not fill the memory. */
export const findingsMax = 1000;

function exampleOf(record: Fields): string {
  const [process, ip, port] = [record['process.name'], record['destination.ip'], record['destination.port']];
  const address = String(ip);
  const at = `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
  const arrow = record['direction'] === 'ingress' ? '←' : '→';
  if (record['event.name'] === 'sonde.listener') return `${String(process)} listens at ${at}`;
  return `${String(process)} ${arrow} ${at}`;
}

export interface Tally {
  add(record: Fields, shortfalls: readonly Shortfall[]): void;
  findings(): Findings;
}

interface Counted {
  readonly of: Omit<Finding, 'records'>;
  records: number;
}

export function newTally(): Tally {
  const counted = new Map<string, Counted>();
  let [records, short, untold] = [0, 0, 0];
  return {
    add(record, shortfalls) {
      records++;
      if (shortfalls.length === 0) return;
      short++;
      const workload = String(record['workload.name'] ?? record['process.name']);
      for (const { label, rule } of shortfalls) {
        const key = `${label}\0${rule}\0${workload}`;
        const known = counted.get(key);
        if (known) known.records++;
        else if (counted.size >= findingsMax) untold++;
        else {
          const value = valueOf(record, label);
          const shown = typeof value === 'string' || typeof value === 'number' ? String(value) : null;
          counted.set(key, {
            of: { label, rule, workload, value: shown, example: exampleOf(record) },
            records: 1,
          });
        }
      }
    },
    findings: () => ({ records, short, untold, findings: inOrder([...counted.values()].map(found)) }),
  };
}

function found({ of, records }: Counted): Finding {
  return { ...of, records };
}

function inOrder(findings: readonly Finding[]): Finding[] {
  const key = ({ label, rule, workload }: Finding): string => `${label}\0${rule}\0${workload}`;
  return [...findings].sort((a, b) => b.records - a.records || (key(a) < key(b) ? -1 : 1));
}

/** Of several windows as of one. */
export function joined(all: readonly Findings[]): Findings {
  const counted = new Map<string, Counted>();
  for (const { records, ...of } of all.flatMap(({ findings }) => findings)) {
    const key = `${of.label}\0${of.rule}\0${of.workload}`;
    const known = counted.get(key);
    if (known) known.records += records;
    else counted.set(key, { of, records });
  }
  const sum = (value: (of: Findings) => number): number => all.reduce((total, of) => total + value(of), 0);
  return {
    records: sum(({ records }) => records),
    short: sum(({ short }) => short),
    untold: sum(({ untold }) => untold),
    findings: inOrder([...counted.values()].map(found)),
  };
}
