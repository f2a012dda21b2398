/** agent.yaml: its schema, and reading it. Every key has a default; a key that nobody knows is an error. */

import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { OperatorError } from '../lib/errors.ts';
import { bytes, duration } from '../lib/schema.ts';
import { exporterNames, loadExporter } from './deliver/exporter.ts';

export const profiles = ['failures', 'connections', 'full'] as const;
export type Profile = (typeof profiles)[number];

const limits = z.strictObject({
  flow_rows: z
    .int()
    .min(256)
    .max(1 << 20)
    .default(65_536)
    .meta({ description: 'rows of one window; beyond it rows fold, and say so' }),
  event_buffer: bytes({ min: '64KiB', max: '256MiB', default: '4MiB' }).meta({
    description: 'ring of single connections; rounded up to a power of two',
  }),
  events_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .meta({ description: 'single connections told per second; the rest is counted as suppressed' }),
  orphan_max: duration({ min: '1m', max: '30d', default: '1h' }).meta({
    description:
      'how long the kernel goes on counting for an agent that was killed; then the programs go idle',
  }),
  trace_events_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .meta({ description: 'the same, for what only a live trace asks for' }),
});

async function agentSchema() {
  const exporters: Record<string, z.ZodOptional<z.ZodType>> = {};
  for (const name of exporterNames()) exporters[name] = (await loadExporter(name)).schema.optional();
  return z.strictObject({
    instance: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be up to 32 of a-z, 0-9 and -')
      .default('main')
      .meta({ description: 'name of this agent on this node: its socket and its state are under it' }),
    environment: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'label on every record; unknown, and counted so, when it is not set' }),
    window: duration({ min: '100ms', max: '1h', default: '10s' }).meta({ description: 'length of a window' }),
    profile: z.enum(profiles).default('failures').meta({
      description:
        'failures: totals per process and port, full detail for what did not end closed; connections: every flow with its addresses; full: and every connection as an event',
    }),
    namespaces: z.array(z.string().min(1)).min(1).max(256).optional().meta({
      description:
        'only these network namespaces: host, pid:N, a name of ip netns, or a path; all by default',
    }),
    slow: duration({ min: '1ms', max: '1h', default: '1s' }).meta({
      description: 'a connection that took this long to establish is told as an event',
    }),
    limits: limits.prefault({}).meta({ description: 'what this agent may take' }),
    exporters: z.strictObject(exporters).default({}).meta({ description: 'where records go' }),
  });
}

/** The schema, for the reference that is made from it. */
export function configSchema(): Promise<z.ZodType> {
  return agentSchema();
}

export type AgentConfig = z.output<Awaited<ReturnType<typeof agentSchema>>>;

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'not valid';
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return `unknown key ${[...issue.path, issue.keys[0]].join('.')}`;
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

/** Checks a configuration and fills in the defaults. `file` is for the message only. */
export async function parseConfig(value: unknown, file: string): Promise<AgentConfig> {
  const result = (await agentSchema()).safeParse(value ?? {});
  if (!result.success)
    throw new OperatorError('config.invalid', { file, problem: firstProblem(result.error) });
  return result.data;
}

function parseYaml(text: string, file: string): unknown {
  const document = parseDocument(text);
  try {
    const syntax = document.errors[0];
    if (syntax) throw syntax;
    return document.toJS();
  } catch (error) {
    const problem = (error as Error).message.split('\n')[0] ?? '';
    throw new OperatorError('config.invalid', { file, problem }, { cause: error });
  }
}

export async function readConfig(file: string): Promise<AgentConfig> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatorError(
      'config.unreadable',
      { file, reason: (error as Error).message },
      { cause: error },
    );
  }
  return parseConfig(parseYaml(text, file), file);
}
