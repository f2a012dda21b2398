/** sonde ask: the answer to a question, from the hub. */

import { exitCodes, OperatorError } from '../../lib/errors.ts';
import { jsonLine, printable } from '../../lib/terminal.ts';
import type { Answer, Coverage, Param, QuestionSummary } from '../../question/contract.ts';
import { encodeCsv, encodeNdjson } from '../../question/encode.ts';
import { rangeParams, scopeParams } from '../../question/params.ts';
import { answerLines, coverageLines, truncatedLine } from '../answer-lines.ts';
import type { Command, CommandContext, Option, Options, Values } from '../command.ts';
import { fetchAnswer, fetchQuestions, hubOption, hubUrl, type HubOptions } from '../hub-client.ts';
import { painter } from '../trace-lines.ts';

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** As the command line spells it: `min_share` is --min-share. */
function optionName({ name }: Param): string {
  return name.replaceAll('_', '-');
}

const valueWords: Readonly<Record<Param['type'], string>> = {
  text: 'TEXT',
  integer: 'N',
  number: 'N',
  duration: 'TIME',
  choice: 'WORD',
  boolean: 'BOOL',
};

/** What is off by default is a switch; what is on takes true or false. */
function optionOf(param: Param): Option {
  const { type, description, values, default: preset } = param;
  if (type === 'boolean' && preset === false) return { type: 'boolean', help: printable(description) };
  const choice = values ? `: ${values.join(', ')}` : '';
  const byDefault = preset === '' ? '' : ` (${String(preset)})`;
  return {
    type: 'string',
    value: valueWords[type],
    help: printable(`${description}${choice}${byDefault}`),
  };
}

function optionsOf(params: readonly Param[]): Options {
  return Object.fromEntries(params.map((param) => [optionName(param), optionOf(param)]));
}

function find(questions: readonly QuestionSummary[], id: string): QuestionSummary {
  const question = questions.find((each) => each.id === id);
  if (question) return question;
  const known = questions.map((each) => each.id).join(', ') || 'none is installed';
  throw new OperatorError('question.unknown', { question: id, known });
}

/** The query of the URL: whatever of range, scope and the question's own was given. */
function queryOf(values: Values, params: readonly Param[]): Record<string, string> {
  const names: (readonly [param: string, option: string])[] = [
    ...rangeParams.map((name) => [name, name] as const),
    ...params.map((param) => [param.name, optionName(param)] as const),
  ];
  return Object.fromEntries(
    names.flatMap(([param, option]) => {
      const value = values[option];
      return value === undefined ? [] : [[param, String(value)]];
    }),
  );
}

function list(questions: readonly QuestionSummary[]): string {
  const width = Math.max(0, ...questions.map(({ id }) => id.length));
  return questions.map(({ id, asks }) => printable(`${id.padEnd(width)}  ${asks}`)).join('\n');
}

/** Coverage that must be reached, 0 to 1; undefined where none was asked for. */
function coverageMin(values: Values): number | undefined {
  const value = text(values, 'coverage-min');
  if (value === undefined) return undefined;
  const share = /^(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : NaN;
  if (share >= 0 && share <= 1) return share;
  const problem = `--coverage-min ${value} is not a share from 0 to 1, such as 0.99`;
  throw new OperatorError('usage.bad_value', { command: 'ask', problem });
}

const forms = ['json', 'ndjson', 'csv'] as const;

function checkForm(values: Values): void {
  const given = forms.filter((form) => values[form] === true).map((form) => `--${form}`);
  if (given.length < 2) return;
  const problem = `${given.join(' and ')} exclude each other`;
  throw new OperatorError('usage.bad_value', { command: 'ask', problem });
}

/** Machines get the answer alone; what it rests on is in it, or, where the form has no room, is said. */
function print(answer: Answer, { values, stdout, say }: CommandContext): void {
  const paint = painter(stdout.isTerminal);
  if (values['json'] === true) stdout.write(`${jsonLine(answer)}\n`);
  else if (values['ndjson'] === true) stdout.write(encodeNdjson(answer, jsonLine));
  else if (values['csv'] === true) {
    stdout.write(stdout.isTerminal ? encodeCsv(printableCells(answer)) : encodeCsv(answer));
    const more = truncatedLine(answer);
    const talk = [...(more === undefined ? [] : [more]), ...coverageLines(answer.coverage, painter(false))];
    for (const line of talk) say(`sonde: ${line.trim()}`);
  } else stdout.write(`${answerLines(answer, { columns: stdout.columns, paint }).join('\n')}\n`);
}

/** A file gets the text as it is; a terminal must not obey it. */
function printableCells(answer: Answer): Answer {
  const rows = answer.rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'string' ? printable(value) : value,
      ]),
    ),
  );
  return { ...answer, rows };
}

function exitCode({ smallest }: Coverage, min: number | undefined, say: (line: string) => void): number {
  if (min === undefined || (smallest !== null && smallest >= min)) return exitCodes.ok;
  say(`sonde: coverage is ${smallest === null ? 'not known' : smallest.toFixed(4)}, below ${min}`);
  return exitCodes.coverage;
}

export const command: Command = {
  name: 'ask',
  summary: 'the answer to a question, and what it rests on',
  word: { name: 'ID', help: 'the question; without it they are listed; ID --help shows its own options' },
  options: {
    since: { type: 'string', value: 'TIME', help: 'how far back, such as 15m (1h)' },
    from: { type: 'string', value: 'WHEN', help: 'start instead, such as 2026-01-31T14:00:00Z' },
    to: { type: 'string', value: 'WHEN', help: 'end; now by default' },
    ...optionsOf(scopeParams),
    json: { type: 'boolean', help: 'the answer as one JSON object' },
    ndjson: { type: 'boolean', help: 'a JSON line for each row, then one with all the rest' },
    csv: { type: 'boolean', help: 'for spreadsheets: text that would be a formula begins with a quote' },
    'coverage-min': { type: 'string', value: 'SHARE', help: 'exit code 3 when less was seen, such as 0.99' },
    hub: hubOption,
  },
  async moreOptions({ values, word }) {
    if (word === undefined) return {};
    const questions = await fetchQuestions({ url: hubUrl(values), signal: new AbortController().signal });
    return optionsOf(find(questions, word).params);
  },
  async run(context) {
    const { values, word, stdout, say, signal } = context;
    const min = coverageMin(values);
    checkForm(values);
    const hub: HubOptions = { url: hubUrl(values), signal };
    const questions = await fetchQuestions(hub);
    if (word === undefined) {
      stdout.write(values['json'] === true ? `${jsonLine({ questions })}\n` : `${list(questions)}\n`);
      return exitCodes.ok;
    }
    const { id, params } = find(questions, word);
    const answer = await fetchAnswer(id, queryOf(values, [...scopeParams, ...params]), hub);
    print(answer, context);
    return exitCode(answer.coverage, min, say);
  },
};
