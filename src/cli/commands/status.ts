/** sonde status: what the running agent sees, loses and costs. */

import type { AgentStatus } from '../../agent/agent.ts';
import type { Step } from '../../model/budget.ts';
import { printable } from '../../lib/terminal.ts';
import { formatBytes } from '../../lib/units.ts';
import type { LocalReply } from '../../model/local.ts';
import type { WindowRecord } from '../../model/record.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';
import type { Command } from '../command.ts';
import { askAgent } from '../local-client.ts';
import { painter, windowLine } from '../trace-lines.ts';

type Database = [name: string, NonNullable<AgentStatus['far']['databases']['as']>];

function exporterLine(name: string, exporter: AgentStatus['exporters'][string]): string {
  const { behindRecords, behindBytes, lastError, lastDeliveredAt } = exporter;
  const behind =
    behindRecords === 0
      ? 'has everything'
      : `is ${String(behindRecords)} records (${formatBytes(behindBytes)}) behind`;
  const trouble = lastError === null ? '' : `; ${printable(lastError)}`;
  return `exporter ${name} ${behind}, last took some ${lastDeliveredAt ?? 'never'}${trouble}`;
}

type Kubernetes = NonNullable<AgentStatus['kubernetes']>;

function followedLine(
  name: string,
  { listed, silentSinceMs, error }: Kubernetes['following'][string],
): string {
  if (silentSinceMs === null) return `  ${name} is followed`;
  const since = `silent since ${new Date(silentSinceMs).toISOString()}${listed ? '' : ', never listed'}`;
  return `  ${name} ${since}${error === null ? '' : `: ${printable(error)}`}`;
}

function kubernetesLines({ server, pods, addresses, following, originError }: Kubernetes): string[] {
  const of = (count: number, what: string) => `${String(count)} ${what}`;
  const far = [of(addresses.services, 'Services'), of(addresses.pods, 'pods')].join(', ');
  const cluster = `${far} and ${of(addresses.endpoints, 'endpoints')} in the cluster`;
  return [
    `kubernetes ${server}: ${of(pods, 'pods here')}; ${cluster}`,
    ...Object.entries(following).map(([name, state]) => followedLine(name, state)),
    ...(originError === null ? [] : [`  who made some pods is not known: ${printable(originError)}`]),
  ];
}

const stepWords: Readonly<Record<Step, string>> = {
  everything: 'all of it',
  failures: 'single events of failures only',
  windows: 'windows, no single events',
  longer_windows: 'longer windows',
  essential_signals: 'the signals that must be on',
  detached: 'nothing',
};

function signalsLine(on: readonly SignalName[]): string {
  const off = signalNames.filter((name) => !on.includes(name));
  return `signals ${on.join(', ')}${off.length === 0 ? '' : `; off: ${off.join(', ')}`}`;
}

function databaseLine([name, { file, built, problem }]: Database): string {
  const used = built === null ? 'nothing read of it' : `built ${built}`;
  return `database ${name} ${printable(file)}, ${used}${problem === null ? '' : `; ${printable(problem)}`}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function budgetLines({ budget: { step, since, usage, limits }, memoryBytes }: AgentStatus): string[] {
  const may = `; may take ${percent(limits.cpu)} of a processor and ${formatBytes(limits.memory)}`;
  const takes = usage
    ? `takes ${percent(usage.agentCpu)} of a processor, its kernel programs ${percent(usage.programsCpu)}, ` +
      `memory ${formatBytes(usage.agentBytes)} and ${formatBytes(usage.mapBytes)} in maps`
    : `uses ${formatBytes(memoryBytes)} of memory`;
  if (since === null || step === 'everything') return [`${takes}${may}`];
  const left =
    step === 'detached' ? `not counted since ${since}` : `down to ${stepWords[step]} since ${since}`;
  return [`${takes}${may}`, `budget: ${left}`];
}

function privilegesLine({ user, capabilities, more, forGood }: AgentStatus['privileges']): string {
  const who = user === 0 ? 'root' : `user ${String(user)}`;
  const may = capabilities.length === 0 ? 'no capability' : capabilities.join(', ');
  const beyond = more === 0 ? 'nothing else' : `${String(more)} more that it does not need`;
  return `runs as ${who} with ${may} and ${beyond}, ${forGood ? 'for good' : 'and could get more back'}`;
}

function standardLines({ unlabelled, nonstandard }: WindowRecord): string[] {
  const short = Object.entries({ ...unlabelled, ...nonstandard });
  if (short.length === 0) return [];
  const counts = short.map(([what, count]) => `${printable(what)} ${String(count)}`);
  return [`its last window falls short of the standard: ${counts.join(', ')} (sonde labels lint says who)`];
}

function lines(status: AgentStatus): string[] {
  const lost = Object.entries(status.lost).filter(([, count]) => count > 0);
  const { 'agent.instance': instance, 'host.name': host, environment } = status.node;
  const [owners, namespaces, watchers] = [status.owners, status.namespaces, status.watchers].map(String);
  const listeners = String(status.lastWindow?.listeners ?? 'no');
  return [
    `agent ${instance} on ${host}, environment ${environment}, since ${status.since}`,
    `knows ${owners} owners and ${listeners} listeners in ${namespaces} network namespaces; ${watchers} watch it`,
    signalsLine(status.signals),
    `knows names of ${String(status.far.names)} addresses; this node's zone is ${status.far.zone ?? 'not known'}`,
    ...Object.entries(status.far.databases).map(databaseLine),
    ...budgetLines(status),
    privilegesLine(status.privileges),
    lost.length === 0
      ? 'nothing lost'
      : `lost since then: ${lost.map(([reason, n]) => `${reason} ${String(n)}`).join(', ')}`,
    ...Object.entries(status.exporters).map(([name, exporter]) => exporterLine(name, exporter)),
    ...(status.kubernetes ? kubernetesLines(status.kubernetes) : []),
    ...(status.lastWindow ? standardLines(status.lastWindow) : []),
    status.lastWindow ? windowLine(status.lastWindow, painter(false)) : 'no window closed yet',
  ];
}

export const command: Command = {
  name: 'status',
  summary: 'what the running agent sees and what it lost',
  options: {
    json: { type: 'boolean', help: 'as one JSON object' },
    instance: { type: 'string', value: 'NAME', help: 'the agent to ask; main by default' },
  },
  async run({ values, stdout, say, signal }) {
    const instance = typeof values['instance'] === 'string' ? values['instance'] : 'main';
    let answer: LocalReply | undefined;
    await askAgent(instance, { ask: 'status' }, { signal, onReply: (reply) => (answer = reply) });
    if (answer?.type !== 'status') {
      say(`sonde: ${answer?.type === 'error' ? answer.message : 'the agent gave no answer'}`);
      return 1;
    }
    const status = answer.status as AgentStatus;
    stdout.write(values['json'] === true ? `${JSON.stringify(status)}\n` : `${lines(status).join('\n')}\n`);
    return 0;
  },
};
