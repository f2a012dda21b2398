/** The `detect` section of a manifest, and detect.sql: what a detector of a question is. */

import * as z from 'zod';
import { parseDurationMs } from '../lib/units.ts';

const sentence = z.string().min(3).max(400);
const label = z.string().regex(/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/, 'must be a canonical label');

function time(problem: string, isSound: (ms: number) => boolean) {
  return z
    .string()
    .refine((text) => isSound(parseDurationMs(text) ?? NaN), problem)
    .transform((text) => parseDurationMs(text) ?? 0);
}

const dayMs = 86_400_000;
const duration = time('must be text with a unit, such as 24h', (ms) => ms >= 0);

const detectorSchema = z.strictObject({
  /** What it finds, in the plural. */
  finds: z.string().regex(/^[a-z][a-z -]{2,30}$/, 'must be one to a few words'),
  /** The file with its statement. */
  sql: z
    .string()
    .regex(/^detect(-[a-z]+)?\.sql$/, 'must be detect.sql, or such as detect-edges.sql')
    .default('detect.sql'),
  /** A file in src/hub/detect/methods/. */
  method: z.string().regex(/^[a-z-]+$/, 'must be the name of a method'),
  /** Windows are 10 s; steps begin at whole multiples of their length. */
  step: time('must be a multiple of 10s, and a part of a day', (ms) => ms % 10_000 === 0 && dayMs % ms === 0),
  /** How far back it looks when it runs for the first time. */
  history: duration,
  /** From the first step that it has seen until it is armed. */
  learns: duration,
  /** A finding ends when it has not been found for so long. */
  quiet: duration,
  /** So long before its start the evidence of a finding begins. */
  before: duration.prefault('5m'),
  /** Columns of detect.sql: each combination has a state of its own. */
  key: z.array(label).min(1),
  /** Columns that tell apart several findings of one key. */
  within: z.array(label).default([]),
  thresholds: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z][a-z0-9_]*$/),
      value: z.number(),
      /** Why this value. */
      reason: sentence,
    }),
  ),
  /** Of a finding; {label} is its label or fact. */
  title: sentence,
  next: sentence,
  /** Parameters of the question, by the label that gives each. */
  evidence: z.record(z.string(), label),
  technique: z
    .string()
    .regex(/^T\d{4}(\.\d{3})?$/, 'must be an ATT&CK technique, such as T1046')
    .default(''),
});

function differ(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** One, or a list. */
export const detectSchema = z
  .preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(detectorSchema).max(4).default([]),
  )
  .refine((all) => differ(all.map(({ method }) => method)), 'has a method twice')
  .refine((all) => differ(all.map(({ sql }) => sql)), 'has a statement twice');

/** What a question calls new has a history, too: a node is one to compare with when it was heard for so long. */
export const newsSchema = z.strictObject({ learns: duration });
export type News = z.output<typeof newsSchema>;

export interface Detector extends z.output<typeof detectorSchema> {
  readonly question: string;
  /** The statement itself. */
  readonly statement: string;
}

/** What detect.sql is given; it needs all of this. */
const given = ['from', 'to', 'step_ms'];
const optional = ['expectations'];

/** `detect.sql` is one statement that takes what the hub gives, and nothing else. */
export function detectSqlProblem(sql: string): string | undefined {
  const code = sql.replace(/--.*$/gm, '');
  if (code.includes(';')) return 'must be one statement, without a semicolon';
  const names = new Set([...code.matchAll(/\{(\w+):/g)].map(([, name = '']) => name));
  const unknown = [...names].find((name) => ![...given, ...optional].includes(name));
  if (unknown !== undefined) return `takes {${unknown}}, which no detector is given`;
  const unused = given.find((name) => !names.has(name));
  return unused === undefined ? undefined : `never uses {${unused}}`;
}
