/** manifest.yaml: what a question asks, takes and gives. Its schema, and reading it. */

import { parseDocument } from 'yaml';
import * as z from 'zod';
import { parseDurationMs } from '../lib/units.ts';
import { signalNames, type SignalName } from '../model/signals.ts';
import { columnTypes, paramFormats, type Param, type QuestionSummary } from './contract.ts';
import { detectSchema, newsSchema, type News } from './detector.ts';
import { rangeParams, scopeParams } from './params.ts';

/** Tables that `ask.sql` takes as {name:Identifier}; the range decides which level of it is read. */
export const questionTables = ['flows', 'windows', 'connection_events', 'listeners', 'dns'] as const;

export type QuestionTable = (typeof questionTables)[number];

/** Their rows are tellings of single things: there is no rollup of them. */
export const unrolledTables: readonly QuestionTable[] = ['connection_events', 'listeners'];

/** Their whole minutes are summed up already: {name_sums:Identifier}. */
export const summedTables: readonly QuestionTable[] = questionTables.filter(
  (table) => !unrolledTables.includes(table),
);

/** A question's own parameters may not be called as what every question or `sonde ask` has. */
const reservedNames: ReadonlySet<string> = new Set([
  ...rangeParams,
  ...scopeParams.map(({ name }) => name),
  ...['format', 'json', 'ndjson', 'csv', 'hub', 'coverage_min', 'help'],
]);

const durationMax = '400d';
const textMax = 400;

const sentence = z.string().min(3).max(textMax);
const base = {
  name: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be up to 32 of a-z, 0-9 and _'),
  description: sentence,
};

const durationText = z
  .string()
  .refine((text) => parseDurationMs(text) !== undefined, 'must be text with a unit, such as 24h');

const param = z.discriminatedUnion('type', [
  z.strictObject({
    ...base,
    type: z.literal('text'),
    format: z.enum(paramFormats).optional(),
    default: z.string(),
  }),
  z.strictObject({
    ...base,
    type: z.literal('integer'),
    default: z.int(),
    min: z.int().optional(),
    max: z.int().optional(),
  }),
  z.strictObject({
    ...base,
    type: z.literal('number'),
    default: z.number(),
    min: z.number().optional(),
    max: z.number().optional(),
  }),
  z.strictObject({ ...base, type: z.literal('boolean'), default: z.boolean() }),
  z.strictObject({
    ...base,
    type: z.literal('choice'),
    values: z.array(z.string().regex(/^[a-z0-9_.-]+$/)).min(2),
    default: z.string(),
  }),
  z.strictObject({
    ...base,
    type: z.literal('duration'),
    default: durationText,
    min: durationText.prefault('1ms').transform((text) => parseDurationMs(text) ?? 0),
    max: durationText.prefault(durationMax).transform((text) => parseDurationMs(text) ?? 0),
  }),
]);

const column = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/, 'must be a canonical label or a name like one')
    .refine((name) => name !== 'answer', 'is what the last line of NDJSON is called'),
  type: z.enum(columnTypes),
  title: z.string().min(1).max(24),
  description: sentence,
});

const unique = { error: 'has a name twice' };
function namesDiffer(entries: readonly { readonly name: string }[]): boolean {
  return new Set(entries.map(({ name }) => name)).size === entries.length;
}

const signals = z.array(z.enum(signalNames)).default(['lifecycle']);

const manifest = z.strictObject({
  title: z.string().min(3).max(60),
  asks: sentence.regex(/\?$/, 'must be a question'),
  order: z.int().min(1).max(1000).optional(),
  reads: z.array(z.enum(questionTables)).min(1),
  signals,
  params: z.array(param).refine(namesDiffer, unique).default([]),
  columns: z.array(column).min(1).refine(namesDiffer, unique),
  detect: detectSchema,
  news: newsSchema.optional(),
});

export interface Manifest extends Omit<QuestionSummary, 'id'> {
  /** Where it stands in a list: those with none come last. */
  readonly order?: number | undefined;
  readonly reads: readonly QuestionTable[];
  readonly signals: readonly SignalName[];
  readonly detect: z.output<typeof detectSchema>;
  readonly news?: News | undefined;
}

function paramProblem(own: Param): string | undefined {
  const { name, min = -Infinity, max = Infinity } = own;
  if (reservedNames.has(name)) return `params.${name}: every question has that already`;
  if (own.values && !own.values.includes(String(own.default)))
    return `params.${name}.default: not of its values`;
  const value = own.type === 'duration' ? (parseDurationMs(String(own.default)) ?? NaN) : Number(own.default);
  const isNumeric = own.type === 'integer' || own.type === 'number' || own.type === 'duration';
  if (isNumeric && !(value >= min && value <= max)) return `params.${name}.default: out of its bounds`;
  return undefined;
}

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'not valid';
  if (issue.code === 'unrecognized_keys') return `unknown key ${[...issue.path, issue.keys[0]].join('.')}`;
  return `${issue.path.length > 0 ? issue.path.join('.') : 'the file'}: ${issue.message}`;
}

/** What it says, or what is wrong with it, by key. */
export function parseManifest(text: string): Manifest | { readonly problem: string } {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) return { problem: (broken.message.split('\n')[0] ?? '').replace(/:$/, '') };
  const parsed = manifest.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) return { problem: firstProblem(parsed.error) };
  const params = parsed.data.params as readonly Param[];
  const asks = [...scopeParams, ...params].map(({ name }) => name);
  const strange = parsed.data.detect
    .flatMap(({ evidence }) => Object.keys(evidence))
    .find((name) => !asks.includes(name));
  if (strange !== undefined) return { problem: `detect.evidence.${strange}: is no parameter` };
  const problem = params.map(paramProblem).find((found) => found !== undefined);
  return problem === undefined ? { ...parsed.data, params } : { problem };
}

/** The lines of one key of a mapping that is written in lines, as every manifest here is. */
function linesOf(text: string, key: string): string {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.startsWith(`${key}:`));
  if (from < 0) return '{}';
  const length = lines.slice(from + 1).findIndex((line) => /^[^\s#-]/.test(line));
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join('\n');
}

/**
 * `signals` alone, for an agent: the whole of all manifests would cost it 18 MB, for a list of words.
 * Undefined where they cannot be read; what else is wrong is for the hub to say.
 */
export function parseSignals(text: string): readonly SignalName[] | undefined {
  const lines = /^\s*\{/.test(text) ? text : linesOf(text, 'signals');
  const document = parseDocument(lines);
  if (document.errors.length > 0) return undefined;
  return z.object({ signals }).safeParse(document.toJS({ maxAliasCount: 0 })).data?.signals;
}
