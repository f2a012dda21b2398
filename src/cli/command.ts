/**
 * What a command is: one file in commands/, found by its folder. Options, help and checks derive from its
 * table.
 */

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isOperatorError, OperatorError } from '../lib/errors.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for the value in the help, such as FILE. */
  readonly value?: string;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;
export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Output {
  /** Data. Resolves when more may be written. */
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

export interface CommandContext {
  readonly values: Values;
  /** The word beside the options, and what stands behind it. */
  readonly word: string | undefined;
  readonly argument?: string | undefined;
  /** Words behind it, of a command that takes many. */
  readonly more?: readonly string[];
  readonly stdout: Output;
  /** Talk. */
  readonly say: (line: string) => void;
  /** Ctrl-C, or the end of whoever reads. */
  readonly signal: AbortSignal;
  /** What SIGHUP does from now on; until then it ends the command. */
  readonly onHangup: (does: () => void) => void;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Shown under the options. */
  readonly notes?: readonly string[];
  readonly options: Options;
  /** A word beside the options, such as the id of a question; none is taken without it. */
  readonly word?: { readonly name: string; readonly help: string; readonly many?: true };
  /** What the word is said of, such as a PID; none is taken without it. */
  readonly argument?: { readonly name: string; readonly help: string };
  /** More options, which only the word and the others can tell; of the same names the own ones win. */
  moreOptions?(known: Pick<CommandContext, 'values' | 'word'>): Promise<Options>;
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

type Parsed = Pick<CommandContext, 'values' | 'word' | 'argument' | 'more'>;

interface Parsing {
  readonly options: Options;
  /** Refuses what it does not know; otherwise passes over it. */
  readonly strict: boolean;
}

function parse(command: Command, words: readonly string[], { options, strict }: Parsing): Parsed {
  const types = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]));
  const { values, positionals } = parseArgs({
    args: [...words],
    options: types,
    strict,
    allowPositionals: !strict || command.word !== undefined,
  });
  const [word, ...others] = positionals;
  if (command.word?.many) return { values, word, more: others };
  const argument = command.argument ? others.shift() : undefined;
  const [extra] = others;
  if (!strict || extra === undefined) return { values, word, argument };
  throw new OperatorError('usage.bad_value', {
    command: command.name,
    problem: `Unexpected argument '${extra}'`,
  });
}

function parseStrictly(command: Command, words: readonly string[], options: Options): Parsed {
  try {
    return parse(command, words, { options, strict: true });
  } catch (error) {
    if (isOperatorError(error)) throw error;
    const { code, message } = error as Error & { code?: string };
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const flag = /^Unknown option '(-.*?)'(?:\.|$)/.exec(message)?.[1] ?? '';
      throw new OperatorError('usage.unknown_flag', { flag, command: command.name });
    }
    const problem = message.split('\n')[0]?.replace(/\.$/, '') ?? '';
    throw new OperatorError('usage.bad_value', { command: command.name, problem });
  }
}

/**
 * The options of a command for these words: its own, and those that it finds out. Until those are known, a
 * value of one of them could be taken for the word: so the word comes before them.
 */
export async function optionsFor(command: Command, words: readonly string[]): Promise<Options> {
  if (!command.moreOptions) return command.options;
  const known = parse(command, words, { options: command.options, strict: false });
  return { ...(await command.moreOptions(known)), ...command.options };
}

export async function parseWords(command: Command, words: readonly string[]): Promise<Parsed> {
  return parseStrictly(command, words, await optionsFor(command, words));
}

function optionLine([name, { type, value, help }]: readonly [string, Option], width: number): string {
  const head = type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`;
  return `  ${head.padEnd(width)}  ${help}`;
}

const noteColumns = 110;

/** Between words. */
function wrapped(note: string): string[] {
  const lines = [''];
  for (const word of note.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= noteColumns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** `options` are the command's own, and those that it found out. */
export function commandHelp(command: Command, options: Options = command.options): string {
  const shown: [string, Option][] = [
    ...Object.entries(options),
    ['help', { type: 'boolean', help: 'this text' }],
  ];
  const words = [command.word, command.argument].filter((of) => of !== undefined);
  const width = Math.max(
    ...shown.map(
      ([name, o]) => name.length + 2 + (o.type === 'boolean' ? 0 : 1 + (o.value ?? 'VALUE').length),
    ),
  );
  const notes = command.notes ? ['', ...command.notes.flatMap(wrapped)] : [];
  return [
    `sonde ${command.name}: ${command.summary}`,
    '',
    ...words.map(({ name, help }) => `  ${name.padEnd(width)}  ${help}`),
    ...(words.length > 0 ? [''] : []),
    ...shown.map((o) => optionLine(o, width)),
    ...notes,
    '',
  ].join('\n');
}
