/** sonde learn: expectations, proposed from what a hub has seen. */

import { systemClock } from '../../lib/clock.ts';
import { exitCodes } from '../../lib/errors.ts';
import type { Command, Values } from '../command.ts';
import { fetchDestinations, hubOption, hubUrl } from '../hub-client.ts';
import { networkPolicies } from './learn/network-policy.ts';
import { propose } from './learn/proposal.ts';
import { dayOf, yamlLines } from './learn/yaml.ts';

const asked = ['since', 'workload', 'process', 'environment', 'limit'] as const;

function queryOf(values: Values): Record<string, string> {
  const given = asked.map((name) => [name, values[name]] as const);
  return Object.fromEntries(
    given.filter((each): each is readonly [(typeof asked)[number], string] => each[1] !== undefined),
  );
}

export const command: Command = {
  name: 'learn',
  summary: 'who may talk to whom, proposed from history as YAML to read and commit',
  options: {
    since: { type: 'string', value: 'TIME', help: 'how far back (14d)' },
    workload: { type: 'string', value: 'TEXT', help: 'only this one; * stands for any characters' },
    process: { type: 'string', value: 'TEXT', help: 'only this one; * stands for any characters' },
    environment: { type: 'string', value: 'NAME', help: 'only this one' },
    owner: { type: 'string', value: 'NAME', help: 'of entries whose workload.owner is not known (unknown)' },
    'network-policy': {
      type: 'boolean',
      help: 'instead, a NetworkPolicy of egress for each workload of Kubernetes',
    },
    limit: { type: 'string', value: 'N', help: 'destinations at most (10000)' },
    hub: hubOption,
  },
  notes: [
    'What the expectations of the hub cover already is not proposed again. What was seen is not always what should be: read it.',
  ],
  async run({ values, stdout, say, signal }) {
    const list = await fetchDestinations(queryOf(values), { url: hubUrl(values), signal });
    if (list.truncated)
      say('sonde: there are more destinations than were looked at: --limit N, or --workload NAME');
    const range = `from what was seen from ${dayOf(list.from)} to ${dayOf(list.to)}.`;
    if (values['network-policy'] === true) {
      const documents = networkPolicies(list.destinations);
      if (documents.length === 0)
        say('sonde: no destinations of pods are known: docs/operating/kubernetes.md');
      stdout.write([`# Proposed by sonde learn ${range}`, ...documents].join('\n---\n') + '\n');
      return exitCodes.ok;
    }
    const owner = typeof values['owner'] === 'string' ? values['owner'] : 'unknown';
    const now = new Date(systemClock.wallMs()).toISOString();
    const lines = [`# Proposed by sonde learn ${range}`, ...yamlLines(propose(list), { owner, now })];
    stdout.write(`${lines.join('\n')}\n`);
    return exitCodes.ok;
  },
};
