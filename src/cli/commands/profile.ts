/** sonde profile: what Sonde costs on this node, and would at other loads. */

import type { Profile } from '../../agent/budget/profile.ts';
import { sleepMsMax } from '../../lib/clock.ts';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import { printable } from '../../lib/terminal.ts';
import { formatBytes, parseDurationMs } from '../../lib/units.ts';
import type { LocalReply } from '../../model/local.ts';
import type { Command, CommandContext, Values } from '../command.ts';
import { askAgent } from '../local-client.ts';
import { ownAgent } from '../watch.ts';

function forMsOf(values: Values): number {
  const text = typeof values['for'] === 'string' ? values['for'] : '10s';
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= 1 && ms <= sleepMsMax) return ms;
  throw new OperatorError('usage.bad_value', {
    command: 'profile',
    problem: `--for ${text} is no duration between 1ms and 24d, such as 60s`,
  });
}

/** Three digits, and never an exponent. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 0.01 || value === 0 ? value.toPrecision(3) : '< 0.01';
}

const percent = (share: number): string => `${digits(100 * share)} %`;
const rate = (perSecond: number): string => (perSecond === 0 ? '0' : digits(perSecond));

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function profileLines(of: Profile): string[] {
  const { seconds, programs, exporters, projected } = of;
  const [connections, took] = [rate(of.connectionsPerSecond), percent(of.agentCpu + of.programsCpu)];
  const sections = [
    [`In ${seconds.toFixed(1)} s, at ${connections} connections a second, Sonde took ${took} of a processor`],
    table([
      ['', 'CPU', 'memory'],
      ['agent', percent(of.agentCpu), formatBytes(of.agentBytes)],
      ['kernel programs', percent(of.programsCpu), `${formatBytes(of.mapBytes)} of maps`],
    ]),
    table([
      ['kernel program', 'runs/s', 'ns a run', 'CPU'],
      ...programs.map(({ name, runs, nsPerRun, cpu }) => [
        name,
        rate(runs / seconds),
        nsPerRun.toFixed(0),
        percent(cpu),
      ]),
    ]),
    Object.keys(exporters).length === 0
      ? []
      : table([
          ['exporter', 'records/s', 'bytes/s'],
          ...Object.entries(exporters).map(([name, { recordsPerSecond, bytesPerSecond }]) => [
            printable(name),
            rate(recordsPerSecond),
            formatBytes(bytesPerSecond),
          ]),
        ]),
    projected
      ? table([
          ['at connections/s', 'kernel programs take'],
          ...projected.map((at) => [String(at.connectionsPerSecond), percent(at.programsCpu)]),
        ])
      : ['Too few connections came to say what others would cost.'],
  ];
  return sections
    .filter((section) => section.length > 0)
    .flatMap((section, i) => (i === 0 ? section : ['', ...section]));
}

type Asking = Pick<CommandContext, 'signal' | 'say'> & { readonly instance: string; readonly forMs: number };

async function measure({ instance, forMs, signal, say }: Asking): Promise<LocalReply | undefined> {
  let answer: LocalReply | undefined;
  const ask = (of: string) =>
    askAgent(of, { ask: 'profile', forMs }, { signal, onReply: (reply) => (answer = reply) });
  try {
    await ask(instance);
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'agent.not_running') throw error;
    say(`sonde: no agent ${instance} is running: measuring a private one at defaults`);
    await ownAgent(ask, { signal, say });
  }
  return answer;
}

export const command: Command = {
  name: 'profile',
  summary: 'what Sonde costs on this node: kernel programs, agent, exporters',
  options: {
    for: { type: 'string', value: 'TIME', help: 'measure for that time; 10s by default' },
    json: { type: 'boolean', help: 'as one JSON object' },
    instance: { type: 'string', value: 'NAME', help: 'the agent to ask; main by default' },
  },
  notes: [
    'Asks the running agent; starts a private one (needs root) if there is none.',
    'The kernel times each run meanwhile, which takes some 35 ns of it.',
    'What a hook costs around a program is not in it.',
  ],
  async run({ values, stdout, say, signal }) {
    const instance = typeof values['instance'] === 'string' ? values['instance'] : 'main';
    const answer = await measure({ instance, forMs: forMsOf(values), signal, say });
    if (answer?.type !== 'profile') {
      say(`sonde: ${answer?.type === 'error' ? answer.message : 'the agent gave no answer'}`);
      return 1;
    }
    const measured = answer.profile as Profile;
    const text = values['json'] === true ? JSON.stringify(measured) : profileLines(measured).join('\n');
    stdout.write(`${text}\n`);
    return 0;
  },
};
