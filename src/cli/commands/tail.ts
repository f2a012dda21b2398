/** sonde tail: records as the hub receives them, of those that a filter lets through. */

import type { Readable } from 'node:stream';
import { systemClock } from '../../lib/clock.ts';
import { exitCodes, isOperatorError, OperatorError } from '../../lib/errors.ts';
import { jsonLine } from '../../lib/terminal.ts';
import { eventReader, type StreamEvent } from '../../question/event-stream.ts';
import type { TailEvents } from '../../question/search/contract.ts';
import type { Command, CommandContext } from '../command.ts';
import { fetchStream, hubOption, hubUrl } from '../hub-client.ts';
import { filterNotes, filterWord, searchOptions, searchQuery } from '../search-query.ts';
import { tailLines, type TailLines } from '../tail-lines.ts';
import { painter } from '../trace-lines.ts';
import { untilOf } from '../until.ts';

function printer({ values, stdout, say }: CommandContext): (event: StreamEvent) => void {
  const isJson = values['json'] === true;
  let lines: TailLines | undefined;
  const begin = (of: TailEvents['begin']): void => {
    if (isJson) return;
    lines = tailLines(of, { columns: stdout.columns, paint: painter(stdout.isTerminal) });
    stdout.write(`${lines.header}\n`);
  };
  const row = (of: TailEvents['row']): void => {
    const now = new Date(systemClock.wallMs()).toISOString();
    stdout.write(isJson ? `${jsonLine(of)}\n` : `${lines?.row(of, now) ?? ''}\n`);
  };
  const lost = ({ rate, slow }: TailEvents['lost']): void => {
    const reasons = [
      ...(rate > 0 ? [`${rate} came faster than is told (narrow the filter)`] : []),
      ...(slow > 0 ? [`${slow} faster than they were read`] : []),
    ];
    say(`sonde: records not told: ${reasons.join(', ')}`);
  };
  return ({ event, value }) => {
    if (event === 'begin') begin(value as TailEvents['begin']);
    else if (event === 'row') row(value as TailEvents['row']);
    else if (event === 'lost') lost(value as TailEvents['lost']);
  };
}

async function follow(body: Readable, print: (event: StreamEvent) => void): Promise<string> {
  const read = eventReader();
  body.setEncoding('utf8');
  try {
    for await (const text of body) read(text as string).forEach(print);
  } catch (error) {
    return (error as Error).message;
  }
  return 'it stops';
}

async function run(context: CommandContext): Promise<number> {
  const { values } = context;
  const signal = untilOf('tail', values, context.signal);
  const query = new URLSearchParams(searchQuery(context, [])).toString();
  try {
    const body = await fetchStream(`/api/v1/tail?${query}`, { url: hubUrl(values), signal });
    const reason = await follow(body, printer(context));
    if (signal.aborted) return exitCodes.ok;
    throw new OperatorError('tail.ended', { reason });
  } catch (error) {
    if (signal.aborted && !isOperatorError(error)) return exitCodes.ok;
    throw error;
  }
}

export const command: Command = {
  name: 'tail',
  summary: 'records as the hub receives them, of those that a filter lets through',
  word: filterWord,
  options: {
    ...searchOptions,
    for: { type: 'string', value: 'TIME', help: 'stop after this time, such as 30s' },
    json: { type: 'boolean', help: 'records as JSON lines, with all that they have' },
    hub: hubOption,
  },
  notes: filterNotes,
  run,
};
