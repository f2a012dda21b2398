/** What became of all records since the start, for GET /api/v1/status. Every list in it is bounded. */

import type { ClockReading } from '../../model/row/cells.ts';
import { fieldOf, type LogRecord, type Value } from '../../model/row/record.ts';
import type { RejectionReason } from '../../model/row/rejection.ts';

export const tallyLimits = {
  examplesMax: 10,
  nodesMax: 10_000,
  unknownEventsMax: 100,
} as const;

export interface Example {
  readonly at: string;
  readonly reason: RejectionReason | 'malformed';
  readonly message: string;
}

/** A node's agent, as it was last heard. */
export interface HeardNode {
  readonly 'host.name': string;
  readonly environment: string;
  readonly 'agent.instance': string;
  readonly 'boot.id': string;
  lastHeardAt: string;
  /** What its clock lacks, and what of that is added to its times. */
  clock: ClockReading;
  /** Stored since the hub's start. */
  records: number;
}

export interface TallyStatus {
  /** Requests since the start; those that were malformed were refused whole. */
  readonly requests: { readonly taken: number; readonly malformed: number; readonly refused: number };
  /** Every record of a taken request is in one of these. */
  readonly records: { readonly stored: number; readonly duplicates: number; readonly rejected: number };
  readonly rejected: Readonly<Partial<Record<RejectionReason, number>>>;
  readonly unknownEvents: Readonly<Record<string, number>>;
  /** The last ones; newest first. */
  readonly examples: readonly Example[];
  readonly nodes: readonly Readonly<HeardNode>[];
}

export interface Tally {
  request(outcome: 'taken' | 'malformed' | 'refused'): void;
  stored(heard: Heard, at: string): void;
  duplicates(count: number): void;
  rejected(eventName: string, example: Example): void;
  malformed(example: Example): void;
  status(): TallyStatus;
}

const emitterFields = {
  host: fieldOf('host.name'),
  environment: fieldOf('environment'),
  instance: fieldOf('agent.instance'),
  bootId: fieldOf('boot.id'),
} as const;

function textOf(record: LogRecord, field: number): string {
  const value: Value = record.fields[field] ?? record.resource[field];
  return typeof value === 'string' ? value : '';
}

/** Records of one node's agent, as they were received. */
export interface Heard {
  readonly host: string;
  readonly environment: string;
  readonly instance: string;
  readonly bootId: string;
  readonly clock: ClockReading;
  records: number;
}

/** Adds up records of one request by who sent them: nearly always they are all of one. */
export function openHeard(): {
  readonly nodes: readonly Heard[];
  records(): number;
  add(record: LogRecord, clock: ClockReading): void;
} {
  const nodes: Heard[] = [];
  return {
    nodes,
    records: () => nodes.reduce((sum, { records }) => sum + records, 0),
    add(record: LogRecord, clock: ClockReading): void {
      const host = textOf(record, emitterFields.host);
      const environment = textOf(record, emitterFields.environment);
      const instance = textOf(record, emitterFields.instance);
      const bootId = textOf(record, emitterFields.bootId);
      const last = nodes.at(-1);
      const isLast =
        last?.host === host &&
        last.environment === environment &&
        last.instance === instance &&
        last.bootId === bootId;
      if (isLast) last.records++;
      else nodes.push({ host, environment, instance, bootId, clock, records: 1 });
    },
  };
}

export function createTally(): Tally {
  const requests = { taken: 0, malformed: 0, refused: 0 };
  const records = { stored: 0, duplicates: 0, rejected: 0 };
  const reasons: Partial<Record<RejectionReason, number>> = {};
  const unknownEvents = new Map<string, number>();
  const examples: Example[] = [];
  // In the order in which they were last heard.
  const nodes = new Map<string, HeardNode>();

  function keep(example: Example): void {
    examples.unshift(example);
    examples.length = Math.min(examples.length, tallyLimits.examplesMax);
  }

  function hear({ host, environment, instance, bootId, clock, records: count }: Heard, at: string): void {
    const key = `${host} ${environment} ${instance} ${bootId}`;
    const node = nodes.get(key) ?? {
      'host.name': host,
      environment,
      'agent.instance': instance,
      'boot.id': bootId,
      lastHeardAt: at,
      clock,
      records: 0,
    };
    node.lastHeardAt = at;
    node.clock = clock;
    node.records += count;
    nodes.delete(key);
    nodes.set(key, node);
    const [oldest] = nodes.keys();
    if (nodes.size > tallyLimits.nodesMax && oldest !== undefined) nodes.delete(oldest);
  }

  return {
    request(outcome) {
      requests[outcome]++;
    },
    stored(heard, at) {
      records.stored += heard.records;
      hear(heard, at);
    },
    duplicates(count) {
      records.duplicates += count;
    },
    rejected(eventName, example) {
      const { reason } = example;
      records.rejected++;
      if (reason !== 'malformed') reasons[reason] = (reasons[reason] ?? 0) + 1;
      if (reason === 'unknown_event') {
        const known = unknownEvents.has(eventName) || unknownEvents.size < tallyLimits.unknownEventsMax;
        const name = known ? eventName.slice(0, 100) : '(others)';
        unknownEvents.set(name, (unknownEvents.get(name) ?? 0) + 1);
      }
      keep(example);
    },
    malformed: keep,
    status: () => ({
      requests: { ...requests },
      records: { ...records },
      rejected: { ...reasons },
      unknownEvents: Object.fromEntries(unknownEvents),
      examples: [...examples],
      nodes: [...nodes.values()],
    }),
  };
}
