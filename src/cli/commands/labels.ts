/**
 * sonde labels explain PID: which rule says whose a process is, and where each label is from. sonde labels
 * lint: what falls short of the labelling standard.
 */

import { parseConfig, readConfig, type AgentConfig } from '../../agent/config.ts';
import { explainProcess, type ExplainedRule, type Explanation } from '../../agent/enrich/explain.ts';
import { formatOperatorError, isOperatorError, OperatorError } from '../../lib/errors.ts';
import { jsonLine, printable } from '../../lib/terminal.ts';
import type { LocalReply } from '../../model/local.ts';
import type { Command, CommandContext, Values } from '../command.ts';
import { configLines, fileLines, recentLines, type Picture } from '../lint-lines.ts';
import { lintConfig, lintFile } from '../lint.ts';
import { askAgent } from '../local-client.ts';
import { painter } from '../trace-lines.ts';

function refuse(problem: string): never {
  throw new OperatorError('usage.bad_value', { problem, command: 'labels' });
}

function wholeNumber(text: string | undefined, { what, max }: { what: string; max: number }): number {
  const number = Number(text);
  return /^[1-9]\d*$/.test(text ?? '') && number <= max
    ? number
    : refuse(`${what}, not ${text ?? 'nothing'}`);
}

function portOf({ port }: Values): number | undefined {
  if (typeof port !== 'string') return undefined;
  return wholeNumber(port, { what: '--port takes a number from 1 to 65535', max: 65_535 });
}

function wordsOf({ verdict, miss, ports = [] }: ExplainedRule): string {
  switch (verdict) {
    case 'gives':
      return 'gives its labels: the first that matches';
    case 'other_ports':
      return `gives them where it serves port ${ports.join(', ')}`;
    case 'misses':
      return miss ? `no: ${miss.key} is ${miss.has ?? 'not known'}, none of ${miss.wanted.join(', ')}` : 'no';
    case 'not_asked':
      return 'not asked: one before it gives';
  }
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}

function valueText(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

function lines({ pid, cgroup, labels, rules }: Explanation): string[] {
  return [
    `process ${String(pid)} in control group ${printable(cgroup ?? 'not known')}`,
    ...table(labels.map(({ name, value, from }) => [name, valueText(value), `(${from})`])),
    rules.length === 0 ? 'no rules' : 'rules, in their order:',
    ...table(rules.map((rule) => [rule.id, printable(wordsOf(rule))])),
  ];
}

function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

async function configOf(values: Values): Promise<AgentConfig> {
  const file = textOf(values, 'config');
  return file === undefined ? await parseConfig({}, 'the defaults') : await readConfig(file);
}

async function explain({ values, argument, stdout }: CommandContext): Promise<number> {
  const pid = wholeNumber(argument, { what: 'explain takes the number of a process', max: 2 ** 22 });
  const port = portOf(values);
  const { ownership: rules, environment, container_sockets: sockets, kubernetes } = await configOf(values);
  const explanation = await explainProcess(pid, { rules, environment, port, sockets, kubernetes });
  const told = values['json'] === true ? [jsonLine(explanation)] : lines(explanation);
  stdout.write(`${told.join('\n')}\n`);
  return 0;
}

/** Exit codes of lint. */
const [keeps, fallsShort, cannotLook] = [0, 1, 2];

interface Linted {
  readonly lines: readonly string[];
  readonly json: object;
  readonly isShort: boolean;
}

async function lintRecent({ values, signal }: CommandContext, picture: Picture): Promise<Linted | string> {
  const instance = textOf(values, 'instance') ?? 'main';
  let answer: LocalReply | undefined;
  try {
    await askAgent(instance, { ask: 'labels' }, { signal, onReply: (reply) => (answer = reply) });
  } catch (error) {
    if (isOperatorError(error)) return formatOperatorError(error);
    throw error;
  }
  if (answer?.type !== 'labels')
    return `sonde: ${answer?.type === 'error' ? answer.message : 'the agent gave no answer'}`;
  const { labels } = answer;
  if (labels.windows === 0) return 'sonde: the agent has closed no window yet';
  return { lines: recentLines(labels, instance, picture), json: labels, isShort: labels.short > 0 };
}

async function lintRecords(file: string, { values, signal }: CommandContext, picture: Picture) {
  const { standard } = await configOf(values);
  const found = await lintFile(file, standard, signal);
  if (found.names.length === 0) return `sonde: ${printable(file)} has no records`;
  return { lines: fileLines(found, file, picture), json: found, isShort: found.short > 0 };
}

async function lintSaid(file: string, picture: Picture): Promise<Linted> {
  const findings = lintConfig(await readConfig(file));
  const isShort = findings.length > 0;
  return { lines: configLines(findings, file, picture), json: { findings }, isShort };
}

async function lint(context: CommandContext): Promise<number> {
  const { values, argument, stdout, say } = context;
  if (argument !== undefined) refuse(`lint takes no ${argument}: --file FILE is for records`);
  const [file, config] = [textOf(values, 'file'), textOf(values, 'config')];
  const width = stdout.isTerminal ? stdout.columns : Infinity;
  const picture = { paint: painter(stdout.isTerminal), width };
  const linted =
    file !== undefined
      ? await lintRecords(file, context, picture)
      : config !== undefined
        ? await lintSaid(config, picture)
        : await lintRecent(context, picture);
  if (typeof linted === 'string') {
    say(linted);
    return cannotLook;
  }
  const told = values['json'] === true ? [jsonLine(linted.json)] : linted.lines;
  stdout.write(`${told.join('\n')}\n`);
  return linted.isShort ? fallsShort : keeps;
}

export const command: Command = {
  name: 'labels',
  summary: 'where labels are from, and what falls short of the labelling standard',
  word: { name: 'WHAT', help: 'explain PID: where its labels are from; lint: what falls short' },
  argument: { name: 'PID', help: 'the process to explain' },
  options: {
    config: {
      type: 'string',
      value: 'FILE',
      help: 'agent.yaml with rules and standard; lint alone looks at what it says itself',
    },
    file: { type: 'string', value: 'FILE', help: 'lint: records as jsonl writes them, plain or gzip' },
    instance: { type: 'string', value: 'NAME', help: 'lint: the agent to ask; main by default' },
    port: { type: 'string', value: 'N', help: 'explain: what is told of a port that it serves' },
    json: { type: 'boolean', help: 'as one JSON object' },
  },
  notes: [
    'explain asks /proc and the configuration; no agent needs to run. As root it sees every process whole.',
    'lint asks the running agent what its last windows had; or looks at --file (by the standard of --config,',
    'if given) or at --config alone. Exit code 0: all keep to it, 1: some fall short, 2: it cannot look.',
  ],
  run(context) {
    if (context.word === 'explain') return explain(context);
    if (context.word === 'lint') return lint(context);
    return refuse(`what to do is explain or lint, not ${context.word ?? 'nothing'}`);
  },
};
