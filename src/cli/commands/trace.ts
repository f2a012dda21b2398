/** sonde trace: connections as they are established and as they end. */

import { OperatorError } from '../../lib/errors.ts';
import { logTo } from '../../lib/log.ts';
import { jsonLine } from '../../lib/terminal.ts';
import { connectionStates, type ConnectionState, type Direction } from '../../model/connection.ts';
import { filterProblem, type ConnectionFilter } from '../../model/filter.ts';
import type { LocalReply } from '../../model/local.ts';
import type { Command, Values } from '../command.ts';
import { linePrinter } from '../trace-lines.ts';
import { untilOf } from '../until.ts';
import { watch } from '../watch.ts';

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function bad(problem: string): OperatorError {
  return new OperatorError('usage.bad_value', { command: 'trace', problem });
}

/** The filter that the options ask for; throws usage.bad_value. */
export function filterOf(values: Values): ConnectionFilter {
  const [process, destination, port] = [
    text(values, 'process'),
    text(values, 'destination'),
    text(values, 'port'),
  ];
  const [states, direction] = [text(values, 'state'), text(values, 'direction')];
  if (port !== undefined && !/^\d+$/.test(port)) throw bad(`port ${port} is not between 0 and 65535`);
  const filter: ConnectionFilter = {
    ...(process === undefined ? {} : { process }),
    ...(destination === undefined ? {} : { destination }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(states === undefined ? {} : { states: states.split(',') as ConnectionState[] }),
    ...(direction === undefined ? {} : { direction: direction as Direction }),
  };
  const problem = filterProblem(filter);
  if (problem !== undefined) throw bad(problem);
  return filter;
}

export const command: Command = {
  name: 'trace',
  summary: 'live connections: when they are established, and when and how they end',
  options: {
    process: { type: 'string', value: 'NAME', help: 'only this process; * stands for any characters' },
    destination: { type: 'string', value: 'CIDR', help: 'only this destination address or network' },
    port: { type: 'string', value: 'N', help: 'only this destination port' },
    state: { type: 'string', value: 'STATE,…', help: `only these: ${connectionStates.join(', ')}` },
    direction: { type: 'string', value: 'WAY', help: 'egress (this host opened it) or ingress' },
    for: { type: 'string', value: 'TIME', help: 'stop after that time, such as 30s' },
    json: { type: 'boolean', help: 'records as JSON lines' },
    instance: { type: 'string', value: 'NAME', help: 'the agent to ask; main by default' },
  },
  notes: ['Asks the running agent; starts a private one (needs root) if there is none.'],
  async run({ values, stdout, say, signal }) {
    const json = (reply: LocalReply) => {
      if (reply.type === 'connection') stdout.write(`${jsonLine(reply.record)}\n`);
      else if (reply.type === 'missed') say(`sonde: not told one by one: ${JSON.stringify(reply.missed)}`);
    };
    const watching = {
      instance: text(values, 'instance') ?? 'main',
      request: { ask: 'trace', filter: filterOf(values) },
      signal: untilOf('trace', values, signal),
      log: logTo(say),
      onReply: values['json'] === true ? json : linePrinter(stdout),
    } as const;
    return watch(watching, {});
  },
};
