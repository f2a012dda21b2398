/** sonde up: agent and hub on this machine. The page, the answers, and every connection live. */

import { hostname } from 'node:os';
import { demoSteps } from '../../../lab/demo.ts';
import { titleOf } from '../../agent/check/catalogue.ts';
import { checkNode } from '../../agent/check/main.ts';
import type { Report } from '../../agent/check/report.ts';
import { parseConfig, type AgentConfig } from '../../agent/config.ts';
import { dataFolder, parseHubConfig, readHubConfig } from '../../hub/config.ts';
import { systemClock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import { logTo } from '../../lib/log.ts';
import type { LocalReply } from '../../model/local.ts';
import { ownWorkload } from '../../model/record.ts';
import { discoverQuestions, questionsFolder } from '../../question/discovery.ts';
import type { Command, CommandContext } from '../command.ts';
import { startHub } from '../hub-process.ts';
import { linePrinter, painter, windowLine, type Painter } from '../trace-lines.ts';
import { watchOwnAgent } from '../watch.ts';

/** What somebody can still make out as it goes by; failures have a budget of their own. */
const linesPerSecondMax = 100;

/** What only a configuration of one's own can have. */
const notConfigured =
  'names of pods, and of containers of containerd and CRI-O: with `kubernetes` in agent.yaml';

/** What this node tells less of, signal by signal, and what costs more than it must. */
function notSeen({ findings, signals }: Report): string[] {
  const less = signals.flatMap(({ signal, reasons }) => reasons.map(({ detail }) => `${signal}: ${detail}`));
  const other = findings.filter(({ result, lessens }) => result === 'degraded' && !lessens);
  return [...less, ...other.map(({ probe, detail }) => `${titleOf(probe)}: ${detail}`)];
}

function greeting({
  url,
  node,
  questions,
  paint,
}: {
  url: string;
  node: Report;
  questions: readonly string[];
  paint: Painter;
}): string {
  const label = (word: string) => paint('bold', word.padEnd(10));
  const demo = demoSteps.map(({ title, see }) => `${title}\n${' '.repeat(12)}${paint('dim', `→ ${see}`)}`);
  return [
    `${label('page')}${paint('cyan', url)}`,
    `${label('seen')}every TCP connection, UDP flow and DNS lookup of ${hostname()}, in all its network`,
    `${' '.repeat(10)}namespaces: who, where to, latency, bytes, and how it ends; TCP compared with the`,
    `${' '.repeat(10)}kernel's own counters every window`,
    `${label('not seen')}${[notConfigured, ...notSeen(node)].join(`
${' '.repeat(10)}`)}`,
    `${label('ask')}bin/sonde ask QUESTION: ${questions.join(', ')}`,
    `${label('try')}bin/sonde demo in another terminal; it shows`,
    ...demo.map((line) => `${' '.repeat(10)}${line}`),
    `${label('end')}Ctrl-C ends all of it`,
    '',
    '',
  ].join('\n');
}

async function agentConfig(values: CommandContext['values'], url: string): Promise<AgentConfig> {
  const { window, environment } = values;
  return parseConfig(
    {
      profile: 'full',
      window,
      environment,
      limits: { trace_events_per_second: linesPerSecondMax },
      exporters: { otlp: { endpoint: url } },
    },
    'the options',
  );
}

function hubUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

export const command: Command = {
  name: 'up',
  summary: 'agent and hub on this machine: page, answers, live connections',
  options: {
    window: { type: 'string', value: 'TIME', help: 'length of a window; 10s by default' },
    environment: { type: 'string', value: 'NAME', help: 'label on every record' },
    hub: { type: 'string', value: 'FILE', help: 'hub.yaml; without it: the defaults' },
    quiet: { type: 'boolean', help: 'no live connections, only what is said at the start' },
  },
  async run({ values, stdout, say, signal }) {
    if (process.getuid?.() !== 0)
      throw new OperatorError('privileges.missing', { action: 'load BPF programs' });
    const file = typeof values['hub'] === 'string' ? values['hub'] : undefined;
    const hub = file === undefined ? parseHubConfig({}, 'the defaults') : readHubConfig(file);
    const url = hubUrl(hub.listen);
    const config = await agentConfig(values, url);
    const log = logTo(say);
    const node = await checkNode(signal);
    const questions = discoverQuestions(questionsFolder()).questions.map(({ id }) => id);
    const paint = painter(stdout.isTerminal);
    const print = linePrinter(stdout);

    await using child = startHub({
      clock: systemClock,
      log,
      url,
      data: dataFolder(hub),
      ...(file === undefined ? {} : { config: file }),
    });
    say('sonde: starting the hub and its store');
    try {
      await child.ready(signal);
    } catch (error) {
      if (signal.aborted) return 0;
      throw error;
    }
    process.title = 'sonde-agent'; // how its own connections are told from others
    const show = (reply: LocalReply): void => {
      if (reply.type === 'connection' && reply.record['workload.name'] === ownWorkload) return;
      if (reply.type === 'watching') stdout.write(greeting({ url, node, questions, paint }));
      if (values['quiet'] === true) return;
      if (reply.type === 'window') stdout.write(`${windowLine(reply.record, paint)}\n`);
      else print(reply);
    };
    await watchOwnAgent(config, {
      instance: config.instance,
      request: { ask: 'trace', filter: {} },
      signal,
      log,
      onReply: show,
    });
    say('sonde: the agent has told its last window; stopping the hub');
    return 0;
  },
};
