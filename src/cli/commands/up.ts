/** sonde up: an agent on this machine, shown live: every connection, and a line for every window. */

import { hostname } from 'node:os';
import { parseConfig } from '../../agent/config.ts';
import type { Command } from '../command.ts';
import { linePrinter, painter, windowLine } from '../trace-lines.ts';
import { watchOwnAgent } from '../watch.ts';

/** What somebody can still make out as it goes by; failures have a budget of their own. */
const linesPerSecondMax = 100;

function greet(say: (line: string) => void): void {
  say(
    `sonde: watching every TCP connection of ${hostname()}, in all its network namespaces. Ctrl-C ends it.`,
  );
  say('sonde: try `curl http://127.0.0.1:1/` or `bin/sonde demo` in another terminal.');
}

export const command: Command = {
  name: 'up',
  summary: 'an agent on this machine, and what it sees, live',
  options: {
    window: { type: 'string', value: 'TIME', help: 'length of a window; 10s by default' },
    environment: { type: 'string', value: 'NAME', help: 'label on every record' },
  },
  async run({ values, stdout, say, signal }) {
    const { window, environment } = values;
    const limits = { trace_events_per_second: linesPerSecondMax };
    const config = await parseConfig({ profile: 'full', window, environment, limits }, 'the options');
    const print = linePrinter(stdout);
    const paint = painter(stdout.isTerminal);
    await watchOwnAgent(config, {
      instance: config.instance,
      filter: {},
      signal,
      log: {
        info: (line) => {
          say(`sonde: ${line}`);
        },
        warn: (line) => {
          say(`sonde: warning: ${line}`);
        },
      },
      onReply(reply) {
        if (reply.type === 'watching') greet(say);
        if (reply.type === 'window') stdout.write(`${windowLine(reply.record, paint)}\n`);
        else print(reply);
      },
    });
    return 0;
  },
};
