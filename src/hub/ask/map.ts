/**
 * The map: who talks to whom, each edge once, and the nodes that tell of it. The statements are in edges/;
 * decision 28 says how two ends are joined.
 */

import { readFileSync } from 'node:fs';
import { OperatorError } from '../../lib/errors.ts';
import { addressToldAgainMs } from '../../model/own-address.ts';
import type { Edge, EdgeMap, EdgeTotal, MapNode, NodeList } from '../../question/map.ts';
import type { ParamValue } from '../../question/contract.ts';
import { readParams, scopeParams } from '../../question/params.ts';
import type { Asking, AskOptions } from './options.ts';
import type { AskStore, StoreRow } from './query.ts';
import { levelOf, readRange, widen, type Level, type TimeRange } from './range.ts';

/** What a node tells again once an hour may come a little late. */
const lapseMs = addressToldAgainMs + 5 * 60_000;

function readSql(name: string): string {
  return readFileSync(new URL(`edges/${name}.sql`, import.meta.url), 'utf8');
}

const [edgesSql, nodesSql] = ['edges', 'nodes'].map(readSql) as [string, string];
const taken = scopeParams.filter(({ name }) => name !== 'host');

interface Asked {
  readonly range: TimeRange;
  readonly level: Level;
  readonly values: Readonly<Record<string, ParamValue>>;
}

function fail({ param, problem }: { readonly param: string; readonly problem: string }): never {
  throw new OperatorError('request.malformed', { reason: `${param} ${problem}` });
}

function readAsked({ query }: Asking, { clock, retention }: AskOptions): Asked {
  const nowMs = clock.wallMs();
  const { since, from, to, ...given } = query;
  const range = readRange({ since, from, to }, nowMs);
  if ('problem' in range) return fail(range);
  const read = readParams(taken, given);
  if ('problem' in read) return fail(read);
  const level = levelOf(range, nowMs, retention);
  return { range: widen(range, level, nowMs), level, values: read.values };
}

function rangeOf({ fromMs, toMs }: TimeRange) {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

function text(row: StoreRow, name: string): string {
  const value = row[name];
  return typeof value === 'string' ? value : '';
}

function number(row: StoreRow, name: string): number {
  return Number(row[name] ?? 0);
}

function numberOrNull(row: StoreRow, name: string): number | null {
  const value = row[name];
  return value === null || value === undefined ? null : Number(value);
}

function edgeOf(row: StoreRow): Edge {
  const end = (of: 'source' | 'destination') => ({
    host: text(row, `${of}.host`),
    environment: text(row, `${of}.environment`),
    workload: text(row, `${of}.workload`),
    process: text(row, `${of}.process`),
    ip: text(row, `${of}.ip`),
  });
  return {
    source: end('source'),
    destination: { ...end('destination'), name: text(row, 'destination.name') },
    transport: text(row, 'transport'),
    port: number(row, 'port'),
    connections: number(row, 'connections'),
    established: number(row, 'established'),
    failures: number(row, 'failures'),
    open: number(row, 'open'),
    latency_ms: numberOrNull(row, 'latency_ms'),
    bytes_sent: number(row, 'bytes_sent'),
    bytes_received: number(row, 'bytes_received'),
    joined: text(row, 'seen_by') === 'both',
    seen_by: text(row, 'seen_by') as Edge['seen_by'],
    apart: text(row, 'apart') as Edge['apart'],
  };
}

function totalOf(row: StoreRow | undefined, name: string): EdgeTotal {
  return {
    edges: number(row ?? {}, `${name}_edges`),
    connections: number(row ?? {}, `${name}_connections`),
  };
}

function nodeOf(row: StoreRow): MapNode {
  return {
    'host.name': text(row, 'host.name'),
    environment: text(row, 'environment'),
    'agent.instance': text(row, 'agent.instance'),
    'agent.id': text(row, 'agent.id'),
    'agent.version': text(row, 'agent.version'),
    'boot.id': text(row, 'boot.id'),
    first_seen: text(row, 'first_seen'),
    last_seen: text(row, 'last_seen'),
    stopped: row['stopped'] === true,
    clock: {
      offset_ms: number(row, 'clock_offset_ms'),
      correction_ms: number(row, 'clock_correction_ms'),
    },
    coverage: {
      seconds: numberOrNull(row, 'seconds'),
      connections: numberOrNull(row, 'connections'),
      attribution: numberOrNull(row, 'attribution'),
    },
  };
}

export interface AskMap {
  edges(asking: Asking): Promise<EdgeMap>;
  nodes(asking: Asking): Promise<NodeList>;
}

/** Translations and names are in flows as they came, and in no rollup. */
function columnsOf({ suffix }: Level) {
  return suffix === ''
    ? {
        translated_ip: 'destination_translated_ip',
        translated_port: 'destination_translated_port',
        name: 'destination_name',
      }
    : { translated_ip: 'no_name', translated_port: 'no_port', name: 'no_name' };
}

export function openMap(store: AskStore, options: AskOptions): AskMap {
  return {
    async edges(asking) {
      const { range, level, values } = readAsked(asking, options);
      const limit = Number(values['limit']);
      const rows = await store({
        question: 'edges',
        sql: edgesSql,
        params: {
          from: new Date(range.fromMs),
          to: new Date(range.toMs),
          range_ms: range.toMs - range.fromMs,
          grain_ms: level.grainMs,
          lapse_ms: lapseMs,
          flows: `flows${level.suffix}`,
          ...columnsOf(level),
          environment: values['environment'],
          own: values['own'],
          limit: limit + 1,
        },
        signal: asking.signal,
      });
      const [first] = rows;
      return {
        ...rangeOf(range),
        edges: rows.slice(0, limit).map(edgeOf),
        truncated: rows.length > limit,
        totals: {
          all: totalOf(first, 'all'),
          joined: totalOf(first, 'joined'),
          unjoined: totalOf(first, 'unjoined'),
          ambiguous: totalOf(first, 'ambiguous'),
        },
      };
    },
    async nodes(asking) {
      const { range, level, values } = readAsked(asking, options);
      const rows = await store({
        question: 'nodes',
        sql: nodesSql,
        params: {
          from: new Date(range.fromMs),
          to: new Date(range.toMs),
          windows: `windows${level.suffix}`,
          environment: values['environment'],
          limit: Number(values['limit']) + 1,
        },
        signal: asking.signal,
      });
      const limit = Number(values['limit']);
      return { ...rangeOf(range), nodes: rows.slice(0, limit).map(nodeOf), truncated: rows.length > limit };
    },
  };
}
