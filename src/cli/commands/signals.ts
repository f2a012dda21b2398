/** sonde signals: which groups of kernel programs are on; switches them while the agent runs. */

import { OperatorError } from '../../lib/errors.ts';
import { printable } from '../../lib/terminal.ts';
import type { LocalReply, LocalRequest } from '../../model/local.ts';
import { optionalSignals, signalNames, signals, type SignalName } from '../../model/signals.ts';
import type { Command, Values } from '../command.ts';
import { askAgent } from '../local-client.ts';

type Switches = Extract<LocalRequest, { ask: 'signals' }>['set'];
type Told = Extract<LocalReply, { type: 'signals' }>;

/** Names with commas between, as in `--off dns,udp`. */
function namesOf(values: Values, option: 'on' | 'off'): SignalName[] {
  const text = values[option];
  return (typeof text === 'string' ? text.split(',') : []).map((word) => {
    const known = optionalSignals.find((name) => name === word);
    if (known !== undefined) return known;
    const problem = `--${option} takes ${optionalSignals.join(', ')}, with commas between; not ${word}`;
    throw new OperatorError('usage.bad_value', { problem, command: 'signals' });
  });
}

function switchesOf(values: Values): Switches {
  const set: Partial<Record<SignalName, 'on' | 'off'>> = {};
  for (const option of ['on', 'off'] as const) for (const name of namesOf(values, option)) set[name] = option;
  return set;
}

function lines({ on, refused }: Told): string[] {
  return signalNames.map((name) => {
    const reason = refused[name];
    const state = on.includes(name) ? 'on ' : 'off';
    const why = reason === undefined ? '' : `  refused: ${printable(reason)}`;
    return `${name.padEnd(12)} ${state}  ${signals[name].tells}${why}`;
  });
}

export const command: Command = {
  name: 'signals',
  summary: 'which kernel programs are on; switches them while the agent runs',
  options: {
    on: { type: 'string', value: 'NAMES', help: 'switch these on; commas between' },
    off: { type: 'string', value: 'NAMES', help: 'switch these off' },
    json: { type: 'boolean', help: 'as one JSON object' },
    instance: { type: 'string', value: 'NAME', help: 'the agent to ask; main by default' },
  },
  notes: ['What is switched here lasts until the agent ends; agent.yaml has the same under `signals`.'],
  async run({ values, stdout, say, signal }) {
    const instance = typeof values['instance'] === 'string' ? values['instance'] : 'main';
    const request: LocalRequest = { ask: 'signals', set: switchesOf(values) };
    let answer: LocalReply | undefined;
    await askAgent(instance, request, { signal, onReply: (reply) => (answer = reply) });
    if (answer?.type !== 'signals') {
      say(`sonde: ${answer?.type === 'error' ? answer.message : 'the agent gave no answer'}`);
      return 1;
    }
    stdout.write(values['json'] === true ? `${JSON.stringify(answer)}\n` : `${lines(answer).join('\n')}\n`);
    return Object.keys(answer.refused).length === 0 ? 0 : 1;
  },
};
