/**
 * Questions are found by their folders: questions/<id>/manifest.yaml and ask.sql. A folder that is broken is
 * left out and named; the others are asked as before.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../lib/errors.ts';
import type { SignalName } from '../model/signals.ts';
import type { Param, QuestionSummary } from './contract.ts';
import { detectSqlProblem, type Detector, type News } from './detector.ts';
import {
  parseManifest,
  parseSignals,
  questionTables,
  summedTables,
  type Manifest,
  type QuestionTable,
} from './manifest.ts';

export interface Question {
  readonly id: string;
  /** As the API tells it. */
  readonly summary: QuestionSummary;
  /** Where it stands in a list. */
  readonly order: number;
  readonly reads: readonly QuestionTable[];
  /** What the agents must see for it. */
  readonly signals: readonly SignalName[];
  readonly sql: string;
  /** It looks at what is expected. */
  readonly takesExpectations: boolean;
  /** The manifest's `detect`, with statements. */
  readonly detectors: readonly Detector[];
  readonly news?: News | undefined;
}

export interface Discovery {
  /** In the order of their ids. */
  readonly questions: readonly Question[];
  readonly problems: readonly OperatorError[];
}

/** Where the questions of this checkout or package are; SONDE_QUESTIONS names another folder. */
export function questionsFolder(): string {
  return process.env['SONDE_QUESTIONS'] ?? join(import.meta.dirname, '../../questions');
}

/** What the hub fills in for every question. A question takes those that it needs. */
const filledIn = [
  ...['from', 'to', 'host', 'environment', 'own', 'limit', 'bucket_ms', 'buckets'],
  'expectations',
];
/** Without these an answer would be about something else than what was asked. */
const needed = ['from', 'to', 'host', 'environment', 'own', 'limit'];

/** A network becomes its first and its last address. */
export function sqlNames({ name, format }: Param): readonly string[] {
  return format === 'network' ? [`${name}_first`, `${name}_last`] : [name];
}

function takenBy(sql: string): { readonly names: Set<string>; readonly tables: Set<string> } {
  const taken = { names: new Set<string>(), tables: new Set<string>() };
  for (const [, name = '', type = ''] of sql.matchAll(/\{(\w+):\s*([^}]+)\}/g)) {
    (type.trim() === 'Identifier' ? taken.tables : taken.names).add(name);
  }
  return taken;
}

/** `ask.sql` and the manifest know the same names; checked before anybody asks. */
function sqlProblem(sql: string, { params, reads }: Manifest): string | undefined {
  if (sql.replace(/--.*$/gm, '').includes(';')) return 'must be one statement, without a semicolon';
  const { names, tables } = takenBy(sql);
  const own = params.flatMap(sqlNames);
  const unknown = [...names].find((name) => !own.includes(name) && !filledIn.includes(name));
  if (unknown !== undefined) return `takes {${unknown}}, which the manifest does not have`;
  const unused = [...own, ...needed].find((name) => !names.has(name));
  if (unused !== undefined) return `never uses {${unused}}`;
  const levels = (table: QuestionTable): string[] =>
    summedTables.includes(table) ? [table, `${table}_sums`] : [table];
  const unread = questionTables.find(
    (table) => !reads.includes(table) && levels(table).some((name) => tables.has(name)),
  );
  if (unread !== undefined) return `reads {${unread}:Identifier}, which the manifest does not name in reads`;
  const strange = [...tables].find((table) => !questionTables.flatMap(levels).includes(table));
  return strange === undefined ? undefined : `reads {${strange}:Identifier}, which is no table of the store`;
}

/** Throws question.invalid. */
export function readQuestion(folder: string, id: string): Question {
  const invalid = (file: string, problem: string): OperatorError =>
    new OperatorError('question.invalid', { question: id, file, problem });
  const read = (file: string): string => {
    const path = join(folder, id, file);
    if (!existsSync(path)) throw invalid(file, 'is missing');
    return readFileSync(path, 'utf8');
  };
  if (!/^[a-z][a-z0-9-]{0,47}$/.test(id)) throw invalid('.', 'its folder must be named by a-z, 0-9 and -');
  const manifest = parseManifest(read('manifest.yaml'));
  if ('problem' in manifest) throw invalid('manifest.yaml', manifest.problem);
  const sql = read('ask.sql');
  const problem = sqlProblem(sql, manifest);
  if (problem !== undefined) throw invalid('ask.sql', problem);
  const { title, asks, order = Infinity, params, columns, reads, signals, detect, news } = manifest;
  const detectors = detect.map((each) => {
    const statement = read(each.sql);
    const wrong = detectSqlProblem(statement);
    if (wrong !== undefined) throw invalid(each.sql, wrong);
    return { ...each, question: id, statement };
  });
  const takesExpectations = takenBy(sql).names.has('expectations');
  const summary = { id, title, asks, params, columns };
  return { id, summary, order, reads, signals, sql, takesExpectations, detectors, news };
}

/** In order. */
function idsIn(folder: string): string[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  return folders.map(({ name }) => name).sort();
}

export function discoverQuestions(folder: string): Discovery {
  const questions: Question[] = [];
  const problems: OperatorError[] = [];
  for (const id of idsIn(folder)) {
    try {
      questions.push(readQuestion(folder, id));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(error);
    }
  }
  return { questions, problems };
}

/** What questions need to see: those that are named, or all that are installed. Throws question.unknown. */
export function signalsNeeded(folder: string, enabled?: readonly string[]): ReadonlySet<SignalName> {
  const needed = new Map<string, readonly SignalName[]>();
  for (const id of idsIn(folder)) {
    const path = join(folder, id, 'manifest.yaml');
    const signals = existsSync(path) ? parseSignals(readFileSync(path, 'utf8')) : undefined;
    if (signals) needed.set(id, signals);
  }
  const unknown = enabled?.find((id) => !needed.has(id));
  if (unknown !== undefined) {
    const known = [...needed.keys()].join(', ') || 'none is installed';
    throw new OperatorError('question.unknown', { question: unknown, known });
  }
  return new Set((enabled ?? [...needed.keys()]).flatMap((id) => needed.get(id) ?? []));
}
