/** sonde labels lint: what of records, or of a configuration, falls short of the labelling standard. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { AgentConfig } from '../agent/config.ts';
import { OperatorError } from '../lib/errors.ts';
import { effectiveActions } from '../model/policy.ts';
import { recognised, type Names } from '../model/rendering.ts';
import type { RecordKind } from '../model/schema/field.ts';
import { kindOf } from '../model/ecs.ts';
import {
  checksOf,
  freeLabelOf,
  newTally,
  shortfallsOf,
  valueOf,
  type Check,
  type Fields,
  type Findings,
  type Shortfall,
  type Standard,
} from '../model/standard.ts';
import { isGzip } from './gzip.ts';

/** What was looked at in a file of records. */
export interface FileFindings extends Findings {
  /** Lines that are no record of any kind. */
  readonly strangers: number;
  /** Closing records, which the standard is not about. */
  readonly windows: number;
  readonly names: readonly Names[];
  /** The field policies that the records have been through: what one drops is missing here. */
  readonly policies: readonly string[];
}

const hashed = /^hmac-[0-9a-f]{4}-[0-9a-f]{16}$/;

/** What a policy left of a value says nothing of whether the value was allowed. */
function isChanged(record: Fields, { label }: Shortfall): boolean {
  const form = record[`${label}.form`];
  const value = valueOf(record, label);
  return (form !== undefined && form !== 'exact') || (typeof value === 'string' && hashed.test(value));
}

function judge(checks: readonly Check[], record: Fields, kind: RecordKind): Shortfall[] {
  const own = checks.filter(({ kinds }) => kinds.includes(kind));
  return shortfallsOf(own, record).filter((of) => of.rule === 'missing' || !isChanged(record, of));
}

function unreadable(file: string, error: unknown): never {
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  throw new OperatorError('labels.file', { file, reason }, { cause: error });
}

async function* linesOf(file: string, signal: AbortSignal): AsyncGenerator<string> {
  try {
    const bytes = createReadStream(file, { signal });
    const input = isGzip(file) ? bytes.pipe(createGunzip()) : bytes;
    bytes.once('error', (error) => {
      if (input !== bytes) input.destroy(error);
    });
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    unreadable(file, error);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // no record: counted as such
  }
}

/** Throws labels.file for what cannot be read. */
export async function lintFile(file: string, standard: Standard, signal: AbortSignal): Promise<FileFindings> {
  const checks = checksOf(standard);
  const tally = newTally();
  const [names, policies] = [new Set<Names>(), new Set<string>()];
  let [strangers, windows] = [0, 0];
  for await (const line of linesOf(file, signal)) {
    if (line.trim() === '') continue;
    const of = recognised(parsed(line));
    const kind = kindOf(of?.record['event.name']);
    if (!of || !kind) {
      strangers++;
      continue;
    }
    names.add(of.names);
    if (typeof of.record['policy.version'] === 'string') policies.add(of.record['policy.version']);
    if (kind === 'window') windows++;
    else if (kind !== 'address') tally.add(of.record, judge(checks, of.record, kind));
  }
  return { ...tally.findings(), strangers, windows, names: [...names], policies: [...policies] };
}

/** What a configuration says, and where. */
export interface ConfigFinding extends Shortfall {
  readonly where: string;
  readonly value: string | null;
}

type Rule = AgentConfig['ownership'][number];

function saidBy({ name, owner, environment, labels }: Rule): Fields {
  return {
    ...(name === undefined ? {} : { 'workload.name': name }),
    ...(owner === undefined ? {} : { 'workload.owner': owner }),
    ...(environment === undefined ? {} : { environment }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Nothing on a node but a rule says it. */
function isOfRules({ label }: Check): boolean {
  return label === 'workload.owner' || freeLabelOf(label) !== undefined;
}

function findingsIn(where: string, checks: readonly Check[], said: Fields): ConfigFinding[] {
  return shortfallsOf(checks, said).map(({ label, rule }) => {
    const value = valueOf(said, label);
    return { where, label, rule, value: typeof value === 'string' ? value : null };
  });
}

function ruleFindings(rule: Rule, checks: readonly Check[]): ConfigFinding[] {
  const said = saidBy(rule);
  const about = checks.filter((check) => isOfRules(check) || valueOf(said, check.label) !== undefined);
  return findingsIn(`rule ${rule.id}`, about, said);
}

/** Whether what the configuration itself says keeps to its own standard. */
export function lintConfig({ environment, ownership, policy, standard }: AgentConfig): ConfigFinding[] {
  const checks = checksOf(standard);
  const onlyRules = checks.filter((check) => check.required && isOfRules(check));
  const actions = effectiveActions(policy.preset, policy.fields);
  const dropped = checks.filter(({ label, required }) => {
    const field = freeLabelOf(label) === undefined ? label : 'labels';
    return required && actions.get(field) === 'drop';
  });
  return [
    ...findingsIn(
      'environment',
      checks.filter(({ label }) => label === 'environment'),
      {
        ...(environment === undefined ? {} : { environment }),
      },
    ),
    ...(ownership.length === 0 ? findingsIn('no rules', onlyRules, {}) : []),
    ...ownership.flatMap((rule) => ruleFindings(rule, checks)),
    ...dropped.map(({ label }) => ({ where: 'policy, drop', label, rule: 'missing' as const, value: null })),
  ];
}
