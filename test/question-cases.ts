/**
 * The cases of a question: records and the rows that must come of them. Times are told as how long ago, so
 * that cases stay inside what the store keeps.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { parseDurationMs } from '../src/lib/units.ts';
import type { Row, TableColumns } from '../src/model/block.ts';
import type { PlainRows } from '../src/model/row/packing.ts';

const values = z.record(z.string(), z.unknown());
const record = z.union([
  z.strictObject({ flow: values }),
  z.strictObject({ window: values }),
  z.strictObject({ dns: values }),
  z.strictObject({ listener: values }),
]);

const schema = z.strictObject({
  what: z.string().min(10),
  /** Query of the question, as in the URL. */
  ask: z.record(z.string(), z.string()).default({}),
  /** As in a file of expectations. */
  expectations: z.array(values).default([]),
  /** On every record that has such a column, unless it says otherwise. */
  given: values.default({}),
  records: z.array(record).min(1),
  /** All rows, in their order; of each the columns that matter here. */
  rows: z.array(values),
});

export interface QuestionCase extends z.output<typeof schema> {
  /** fires-… or quiet-…, without .yaml. */
  readonly name: string;
}

export function readCases(folder: string): QuestionCase[] {
  return readdirSync(folder)
    .sort()
    .map((file) => ({
      name: file.replace(/\.yaml$/, ''),
      ...schema.parse(parse(readFileSync(join(folder, file), 'utf8'))),
    }));
}

/** How long each made window is. */
const windowMs = 10_000;
let sequence = 0;

/** A record's row, from canonical names; a column that it does not name gets the table's default. */
function rowOf(columns: readonly string[], record: Readonly<Record<string, unknown>>, nowMs: number): Row {
  const { ago, ...named } = record;
  const startMs = nowMs - (parseDurationMs(String(ago)) ?? NaN);
  const full: Record<string, unknown> = {
    'agent.instance': 'main',
    'boot.id': 'boot',
    'record.sequence': ++sequence,
    time: new Date(startMs + windowMs).toISOString(),
    'window.start': new Date(startMs).toISOString(),
    'window.end': new Date(startMs + windowMs).toISOString(),
    'window.number': Math.floor(startMs / windowMs),
    'window.ms': windowMs,
    ...named,
  };
  const byColumn = Object.fromEntries(
    Object.entries(full).map(([name, value]) => [name.replaceAll('.', '_'), value]),
  );
  const strange = Object.keys(named).find((name) => !columns.includes(name.replaceAll('.', '_')));
  if (strange !== undefined) throw new Error(`no column for ${strange}`);
  return columns.map((column) => byColumn[column] ?? null);
}

type Records = QuestionCase['records'];

/** Rows of the store for the records of a case. */
export function rowsOfRecords(
  records: Records,
  {
    tables,
    given,
    nowMs,
  }: {
    readonly tables: TableColumns;
    readonly given: Readonly<Record<string, unknown>>;
    readonly nowMs: number;
  },
): PlainRows {
  const rows = { flows: [] as Row[], windows: [] as Row[], dns: [] as Row[], listeners: [] as Row[] };
  const tableOf = { flow: 'flows', window: 'windows', dns: 'dns', listener: 'listeners' } as const;
  const used = new Set<string>(['environment', 'host.name']);
  for (const each of records) {
    const [kind, values] = Object.entries(each)[0] as [keyof typeof tableOf, Record<string, unknown>];
    const columns = tables[tableOf[kind]];
    // A window's own columns of the same names are sums of all, and not of these.
    const fits = (name: string): boolean =>
      kind === 'window'
        ? ['ago', 'host.name', 'environment'].includes(name)
        : name === 'ago' || columns.includes(name.replaceAll('.', '_'));
    const fitting = Object.entries(given).filter(([name]) => fits(name));
    for (const [name] of fitting) used.add(name);
    const row = rowOf(columns, { ...Object.fromEntries(fitting), ...values }, nowMs);
    rows[tableOf[kind]].push(row);
  }
  const unused = Object.keys(given).find((name) => !used.has(name));
  if (unused !== undefined) throw new Error(`no record has a column for ${unused}`);
  return rows;
}
