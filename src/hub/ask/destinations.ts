/** Where workloads opened connections to, over days and weeks: what expectations are proposed from. */

import { readFileSync } from 'node:fs';
import { OperatorError } from '../../lib/errors.ts';
import type { Param } from '../../question/contract.ts';
import type { Destination, DestinationList } from '../../question/destination.ts';
import { nothingExpected } from '../../question/expectation.ts';
import { readParams, scopeParams, sqlParams, type ParamProblem } from '../../question/params.ts';
import type { Asking, AskOptions } from './options.ts';
import type { AskStore, StoreRow } from './query.ts';
import { readRange } from './range.ts';

const sql = readFileSync(new URL('destinations/destinations.sql', import.meta.url), 'utf8');

const hourMs = 3_600_000;
const defaultSince = '14d';
/** Of a proposal that anybody would read. */
const limitMax = 50_000;

const pattern = { type: 'text', format: 'pattern', default: '' } as const;
const params: readonly Param[] = [
  ...scopeParams.filter(({ name }) => name === 'environment' || name === 'own'),
  { ...pattern, name: 'workload', description: 'only this workload; * stands for any characters' },
  { ...pattern, name: 'process', description: 'only this process; * stands for any characters' },
  { name: 'limit', type: 'integer', default: 10_000, min: 1, max: limitMax, description: 'rows at most' },
];

function fail({ param, problem }: ParamProblem): never {
  throw new OperatorError('request.malformed', { reason: `${param} ${problem}` });
}

function hourFrom(ms: number, round: (hours: number) => number): number {
  return round(ms / hourMs) * hourMs;
}

const textColumns = [
  ...['environment', 'workload', 'process', 'namespace', 'owner', 'name', 'name_source', 'ip', 'transport'],
  ...['first_seen', 'last_seen', 'expectation', 'peer_namespace', 'peer_workload'],
] as const;
const numberColumns = [
  ...['port', 'connections_opened', 'connections_established', 'bytes_received', 'nodes'],
  'pod_port',
] as const;

function destinationOf(row: StoreRow): Destination {
  const told = (names: readonly string[], of: (value: unknown) => unknown) =>
    names.map((name) => [name, of(row[name])] as const);
  return Object.fromEntries([
    ...told(textColumns, String),
    ...told(numberColumns, Number),
    ...told(['are_names_known'], (value) => Number(value) === 1),
    ...told(['labels', 'peer_labels', 'days'], (value) => value),
  ]) as Destination;
}

export interface AskDestinations {
  destinations(asking: Asking): Promise<DestinationList>;
}

export function openDestinations(store: AskStore, options: AskOptions): AskDestinations {
  const { clock, retention, expectations } = options;
  return {
    async destinations({ query, signal }) {
      const nowMs = clock.wallMs();
      const { since, from, to, ...given } = query;
      const range = readRange(
        { since: from === undefined ? (since ?? defaultSince) : since, from, to },
        nowMs,
      );
      if ('problem' in range) return fail(range);
      const read = readParams(params, given);
      if ('problem' in read) return fail(read);
      const fromMs = hourFrom(range.fromMs, Math.floor);
      const keptFromMs = Math.max(fromMs, hourFrom(nowMs - retention.flowsMs, Math.ceil));
      const { digest } = (await expectations?.()) ?? nothingExpected;
      const limit = Number(read.values['limit']);
      const rows = await store({
        question: 'destinations',
        sql,
        params: {
          ...sqlParams(params, read.values),
          from: new Date(fromMs),
          to: new Date(range.toMs),
          kept_from: new Date(keptFromMs),
          expectations: digest,
          limit: limit + 1,
        },
        signal,
      });
      const namesFrom = rows[0]?.['names_from'];
      return {
        from: new Date(fromMs).toISOString(),
        to: new Date(range.toMs).toISOString(),
        names_from: typeof namesFrom === 'string' ? namesFrom : new Date(fromMs).toISOString(),
        destinations: rows.slice(0, limit).map(destinationOf),
        truncated: rows.length > limit,
      };
    },
  };
}
