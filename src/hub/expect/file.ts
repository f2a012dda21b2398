/** A file of expectations: its schema, and reading it. What is wrong is said with its line. */

import { isIP } from 'node:net';
import { LineCounter, parseDocument, type Document } from 'yaml';
import * as z from 'zod';
import { OperatorError } from '../../lib/errors.ts';
import { networkRange } from '../../question/network.ts';
import { scopeNames } from './scopes.ts';

export const fileLimits = {
  bytesMax: 1 << 20,
  filesMax: 1000,
  /** Of all files together. */
  entriesMax: 5000,
} as const;

const textMax = 200;
/** Of DNS, in text. */
const nameMax = 255;
const portMax = 65_535;
const examplePorts = 'must be a port such as 443, or several such as 8000-8100';

function patternOf(max: number) {
  return z
    .string()
    .min(1, 'must not be empty: leave the key out, or write *')
    .max(max)
    .refine((text) => !text.includes('\0'), 'must not hold a NUL');
}

const pattern = patternOf(textMax);

const name = patternOf(nameMax).refine(
  (text) => isIP(text.split('/')[0] ?? '') === 0,
  'is an address: put it under networks',
);

const network = z.string().refine((text) => text !== '' && networkRange(text) !== undefined, {
  error: ({ input }) => `must be an address or a network such as 10.0.0.0/8; got ${String(input)}`,
});

const ports = z
  .union([z.int(), z.string()], examplePorts)
  .transform((value) => /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)))
  .transform((match) => [Number(match?.[1] ?? 0), Number(match?.[2] ?? match?.[1] ?? 0)] as const)
  .refine(([first, last]) => first > 0 && first <= last && last <= portMax, examplePorts);

/** Of the calendar: there is no 30th of February. */
function isDay(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

const day = z
  .string({ error: 'must be a day such as 2027-03-31' })
  .refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDay(text), {
    error: ({ input }) => `must be a day such as 2027-03-31; got ${String(input)}`,
  });

const target = z
  .strictObject({
    names: z.array(name).max(1000).default([]),
    networks: z.array(network).max(1000).default([]),
    scopes: z.array(z.enum(scopeNames)).max(scopeNames.length).default([]),
    ports: z.array(ports).max(100).default([]),
    transport: z.enum(['tcp', 'udp']).optional(),
  })
  .refine(
    ({ names, networks, scopes }) => names.length + networks.length + scopes.length > 0,
    'must have names, networks or scopes',
  );

const whom = z
  .strictObject({
    environment: pattern.optional(),
    workload: pattern.optional(),
    process: pattern.optional(),
    host: pattern.optional(),
    namespace: pattern.optional(),
  })
  .refine(
    ({ workload, process }) => workload !== undefined || process !== undefined,
    'must have a workload or a process',
  );

const sentence = z.string().min(3, 'must be some words').max(textMax);

const entry = z.strictObject({
  whom,
  talks_to: z.array(target).min(1, 'must have an entry').max(1000),
  why: sentence,
  owner: z.string().min(1, 'must be a name').max(textMax),
  review: day,
  expires: day.optional(),
});

const schema = z.strictObject({ expectations: z.array(entry).max(fileLimits.entriesMax) });

export type Target = z.output<typeof target>;

export interface Expectation extends z.output<typeof entry> {
  /** File and line. */
  readonly label: string;
}

type Path = readonly PropertyKey[];

/** The line that it is written in; of what lacks, that of what it lacks in. */
function lineOf(document: Document, path: Path, lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** Throws expectations.invalid. `file` is for messages and labels. */
export function parseExpectations(text: string, file: string): Expectation[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const fail = (line: number, problem: string): never => {
    throw new OperatorError('expectations.invalid', { file, line, problem });
  };
  const broken = document.errors[0];
  if (broken) {
    const said = broken.message.split('\n')[0] ?? '';
    fail(lines.linePos(broken.pos[0]).line, said.replace(/ at line \d+, column \d+:$/, ''));
  }
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  const issues = parsed.error?.issues ?? [];
  // What lacks may have been written under a wrong name.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  if (issue?.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0] ?? ''];
    return fail(lineOf(document, path, lines), `unknown key ${path.join('.')}`);
  }
  if (issue) {
    const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
    const problem = issue.message.endsWith('received undefined') ? 'is missing' : issue.message;
    return fail(lineOf(document, issue.path, lines), `${where}${problem}`);
  }
  return (parsed.data?.expectations ?? []).map((each, n) => ({
    ...each,
    label: `${file}:${lineOf(document, ['expectations', n], lines)}`,
  }));
}
