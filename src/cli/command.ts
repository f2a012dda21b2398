/**
 * What a command is: one file in commands/, found by its folder. Options, help and checks derive from its
 * table.
 */

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OperatorError } from '../lib/errors.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for the value in the help, such as FILE. */
  readonly value?: string;
  readonly help: string;
}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Output {
  /** Data. Resolves when more may be written. */
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

export interface CommandContext {
  readonly values: Values;
  readonly stdout: Output;
  /** Talk. */
  readonly say: (line: string) => void;
  /** Ctrl-C, or the end of whoever reads. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Shown under the options. */
  readonly notes?: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** Resolves with the exit code. */
  run(context: CommandContext): Promise<number>;
}

export async function loadCommands(): Promise<Command[]> {
  const files = readdirSync(new URL('commands/', import.meta.url)).filter(
    (f) => f.endsWith('.ts') && !f.endsWith('.test.ts'),
  );
  const modules = files.map(
    (f) => import(new URL(`commands/${f}`, import.meta.url).href) as Promise<{ command: Command }>,
  );
  return (await Promise.all(modules)).map((m) => m.command).sort((a, b) => a.name.localeCompare(b.name));
}

/** Loads one command, and no other. */
export async function loadCommand(name: string): Promise<Command> {
  const known = readdirSync(new URL('commands/', import.meta.url));
  if (!/^[a-z]+$/.test(name) || !known.includes(`${name}.ts`)) {
    throw new OperatorError('usage.unknown_command', { command: name });
  }
  return ((await import(new URL(`commands/${name}.ts`, import.meta.url).href)) as { command: Command })
    .command;
}

export function parseOptions(command: Command, words: readonly string[]): Values {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type }]) => [name, { type }]),
  );
  try {
    return parseArgs({ args: [...words], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const flag = /^Unknown option '(-.*?)'(?:\.|$)/.exec(message)?.[1] ?? '';
      throw new OperatorError('usage.unknown_flag', { flag, command: command.name });
    }
    const problem = message.split('\n')[0]?.replace(/\.$/, '') ?? '';
    throw new OperatorError('usage.bad_value', { command: command.name, problem });
  }
}

function optionLine([name, { type, value, help }]: readonly [string, Option], width: number): string {
  const head = type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`;
  return `  ${head.padEnd(width)}  ${help}`;
}

export function commandHelp(command: Command): string {
  const options: [string, Option][] = [
    ...Object.entries(command.options),
    ['help', { type: 'boolean', help: 'this text' }],
  ];
  const width = Math.max(
    ...options.map(
      ([name, o]) => name.length + 2 + (o.type === 'boolean' ? 0 : 1 + (o.value ?? 'VALUE').length),
    ),
  );
  const notes = command.notes ? ['', ...command.notes] : [];
  return [
    `sonde ${command.name}: ${command.summary}`,
    '',
    ...options.map((o) => optionLine(o, width)),
    ...notes,
    '',
  ].join('\n');
}
