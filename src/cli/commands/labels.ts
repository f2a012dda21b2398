/** sonde labels explain PID: which rule says whose a process is, and where each label is from. */

import { parseConfig, readConfig } from '../../agent/config.ts';
import { explainProcess, type ExplainedRule, type Explanation } from '../../agent/enrich/explain.ts';
import { OperatorError } from '../../lib/errors.ts';
import { jsonLine, printable } from '../../lib/terminal.ts';
import type { Command, Values } from '../command.ts';

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

export const command: Command = {
  name: 'labels',
  summary: 'where the labels of a process are from, and which rule gives them',
  word: { name: 'explain', help: 'says so' },
  argument: { name: 'PID', help: 'the process' },
  options: {
    config: { type: 'string', value: 'FILE', help: 'agent.yaml with the rules; without it: none' },
    port: { type: 'string', value: 'N', help: 'what is told of a port that it serves' },
    json: { type: 'boolean', help: 'as one JSON object' },
  },
  notes: ['Asks /proc and the configuration; no agent needs to run. As root it sees every process whole.'],
  async run({ values, word, argument, stdout }) {
    if (word !== 'explain') refuse(`what to do is explain, not ${word ?? 'nothing'}`);
    const pid = wholeNumber(argument, { what: 'explain takes the number of a process', max: 2 ** 22 });
    const port = portOf(values);
    const file = values['config'];
    const {
      ownership: rules,
      environment,
      container_sockets: sockets,
      kubernetes,
    } = typeof file === 'string' ? await readConfig(file) : await parseConfig({}, 'the defaults');
    const explanation = await explainProcess(pid, { rules, environment, port, sockets, kubernetes });
    const told = values['json'] === true ? [jsonLine(explanation)] : lines(explanation);
    stdout.write(`${told.join('\n')}\n`);
    return 0;
  },
};
