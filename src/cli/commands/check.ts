/** sonde check: can this node answer the questions, and if not, why. */

import { checkNode } from '../../agent/check/main.ts';
import type { Command } from '../command.ts';
import { painter } from '../trace-lines.ts';

const marks = { ok: ['green', 'ok'], degraded: ['yellow', 'degraded'], missing: ['red', 'missing'] } as const;

export const command: Command = {
  name: 'check',
  summary: 'can this kernel run the programs; if not, why, and what to change',
  options: {
    json: { type: 'boolean', help: 'findings as JSON' },
    strict: { type: 'boolean', help: 'degraded counts as missing' },
  },
  notes: [
    'Exit code: 0 all is there, 1 degraded, 2 nothing can be answered. Attaches the programs for a moment.',
  ],
  async run({ values, stdout }) {
    const findings = await checkNode();
    const paint = painter(stdout.isTerminal);
    if (values['json'] === true) stdout.write(`${JSON.stringify(findings)}\n`);
    else {
      for (const { probe, result, detail, whatToDo } of findings) {
        const [style, word] = marks[result];
        stdout.write(`${paint(style, word.padEnd(9))} ${probe.padEnd(20)} ${detail}\n`);
        if (whatToDo !== undefined && result !== 'ok') stdout.write(`${' '.repeat(31)}→ ${whatToDo}\n`);
      }
    }
    const worst = findings.some((f) => f.result === 'missing')
      ? 2
      : findings.some((f) => f.result === 'degraded')
        ? 1
        : 0;
    return values['strict'] === true && worst === 1 ? 2 : worst;
  },
};
