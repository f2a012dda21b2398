/** sonde findings: what the detectors found, from the hub. */

import { systemClock } from '../../lib/clock.ts';
import { exitCodes } from '../../lib/errors.ts';
import { jsonLine } from '../../lib/terminal.ts';
import type { Command, Values } from '../command.ts';
import { findingLines } from '../finding-lines.ts';
import { fetchFindings, hubOption, hubUrl } from '../hub-client.ts';
import { painter } from '../trace-lines.ts';

function queryOf(values: Values): Record<string, string> {
  const names = ['since', 'question', 'state', 'limit'];
  const given = names.map((name) => [name, values[name]] as const);
  return Object.fromEntries(given.filter((each): each is readonly [string, string] => each[1] !== undefined));
}

export const command: Command = {
  name: 'findings',
  summary: 'what the detectors of the questions found, newest first',
  options: {
    since: { type: 'string', value: 'TIME', help: 'those that began in this time before now (1d)' },
    question: { type: 'string', value: 'ID', help: 'only of this question' },
    state: { type: 'string', value: 'WORD', help: 'only in this state: open, closed' },
    limit: { type: 'string', value: 'N', help: 'findings at most (100)' },
    json: { type: 'boolean', help: 'one JSON object with all that is known of each' },
    hub: hubOption,
  },
  async run({ values, stdout, signal }) {
    const findings = await fetchFindings(queryOf(values), { url: hubUrl(values), signal });
    if (values['json'] === true) {
      stdout.write(`${jsonLine({ findings })}\n`);
      return exitCodes.ok;
    }
    const paint = painter(stdout.isTerminal);
    const now = new Date(systemClock.wallMs()).toISOString();
    const lines = findings.flatMap((finding) => [...findingLines(finding, { paint, now }), '']);
    stdout.write(lines.length === 0 ? 'nothing was found\n' : lines.join('\n'));
    return exitCodes.ok;
  },
};
