/** sonde check: can this node answer the questions, and if not, why. */

import { checkNode } from '../../agent/check/main.ts';
import type { Report } from '../../agent/check/report.ts';
import { jsonLine } from '../../lib/terminal.ts';
import { checkLines } from '../check-lines.ts';
import type { Command } from '../command.ts';
import { painter } from '../trace-lines.ts';

/** Promises, told in docs/reference/check.md. A look that was interrupted says nothing: as if nothing worked. */
const exitCodes = { answerable: 0, degraded: 1, none: 2, interrupted: 2 } as const;

export const command: Command = {
  name: 'check',
  summary: 'which questions this node can answer; what is missing, and what to do',
  options: {
    json: { type: 'boolean', help: 'as one JSON object' },
    strict: { type: 'boolean', help: 'exit 2 also when something is degraded' },
  },
  notes: [
    'Loads and attaches every program for a moment; nothing is counted meanwhile, and nothing stays.',
    'Exit code: 0 all questions can be answered, 1 something is degraded, 2 none can be, or it was interrupted.',
    'What each line means: docs/reference/check.md.',
  ],
  async run({ values, stdout, say, signal }) {
    let report: Report;
    try {
      report = await checkNode(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      say('sonde: interrupted; nothing stays attached');
      return exitCodes.interrupted;
    }
    const { columns, isTerminal } = stdout;
    const lines =
      values['json'] === true
        ? [jsonLine(report)]
        : checkLines(report, { columns, paint: painter(isTerminal) });
    stdout.write(`${lines.join('\n')}\n`);
    const strictly = values['strict'] === true && report.verdict === 'degraded';
    return strictly ? exitCodes.none : exitCodes[report.verdict];
  },
};
