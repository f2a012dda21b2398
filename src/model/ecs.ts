/**
 * Records under the Elastic Common Schema's names. Every field has one name there, sonde.NAME where ECS has
 * none that means the same, so that the way back is sure; what ECS wants beside is made from them.
 */

import { isIP } from 'node:net';
import { allLabels, fieldOn, type Label } from './labels.ts';
import type { NumberedRecord } from './record.ts';
import { recordKinds, type Fields, type RecordKind } from './schema/field.ts';

export type Flat = Record<string, unknown>;

const everywhere = 'flow connection dns listener address window';

/** Not a record's own fields: constants, and what follows from them. */
export const derivedFields = {
  'ecs.version': {
    on: everywhere,
    type: 'string',
    values: ['9.0.0'],
    classes: 'E P0',
    means: 'the release of ECS whose names these are',
  },
  'event.module': {
    on: everywhere,
    type: 'string',
    values: ['sonde'],
    classes: 'E P0',
    means: 'who tells it',
  },
  'agent.type': {
    on: everywhere,
    type: 'string',
    values: ['sonde'],
    classes: 'E P0',
    means: 'the same',
  },
  'event.kind': {
    on: everywhere,
    type: 'string',
    values: ['event', 'state', 'metric'],
    classes: 'E P0',
    means: '`state` of a listener and an address, `metric` of a closing record, `event` elsewhere',
  },
  'event.category': {
    on: everywhere,
    type: 'list',
    of: 'string',
    values: ['network'],
    classes: 'E P0',
    means: 'always the same',
  },
  'event.type': {
    on: everywhere,
    type: 'list',
    of: 'string',
    values: ['connection', 'start', 'end', 'protocol', 'info'],
    classes: 'E P0',
    means: '`connection`, of a single one with `start` or `end`; `protocol` of lookups; `info` of all else',
  },
  'event.outcome': {
    on: 'flow connection dns',
    type: 'string',
    values: ['success', 'failure', 'unknown'],
    classes: 'E P0',
    means:
      '`success`: established or closed, or NOERROR; `unknown`: canceled, or open and not established; `failure`: all else',
  },
  'event.start': {
    on: 'connection?',
    type: 'time',
    classes: 'U P0',
    means: '`event.end` less `event.duration`; of windows `window.start`',
  },
  'event.end': {
    on: 'connection?',
    type: 'time',
    classes: 'U P0',
    means: '`time`; of windows `window.end`',
  },
  'event.duration': {
    on: 'connection?',
    type: 'int',
    classes: 'P0',
    means:
      'nanoseconds: `connection.duration_ms` of one that ended, `latency_ms` of one that was just established',
  },
  'network.bytes': {
    on: 'flow connection',
    type: 'int',
    unit: 'bytes',
    classes: 'P0',
    means: 'both ways',
  },
  'network.packets': { on: 'flow connection', type: 'int', classes: 'P0', means: 'both ways' },
  'source.ip': {
    on: 'flow? connection?',
    type: 'string',
    classes: 'U P2',
    means: '`source.address` where that is one address; a prefix or a hash is none',
  },
  'destination.nat.ip': {
    on: 'flow? connection? dns?',
    type: 'string',
    classes: 'U P1',
    means: '`sonde.destination.translated.ip`, likewise',
  },
  'dns.resolved_ip': {
    on: 'dns?',
    type: 'list',
    of: 'string',
    classes: 'U P2',
    means: 'the same of `sonde.dns.answers`',
  },
  'related.ip': {
    on: 'flow? connection? dns? listener? address?',
    type: 'list',
    of: 'string',
    classes: 'U P2',
    means: 'single addresses of both ends',
  },
  'related.user': {
    on: 'flow? connection? dns? listener?',
    type: 'list',
    of: 'string',
    classes: 'W P2',
    means: '`user.name`',
  },
  'orchestrator.type': {
    on: 'flow? connection? dns? listener?',
    type: 'string',
    values: ['kubernetes'],
    classes: 'E P0',
    means: 'of a pod',
  },
} as const satisfies Fields;

/** Keywords there, numbers here. */
export const textInEcs: ReadonlySet<string> = new Set(['user.id']);

export function kindOf(eventName: unknown): RecordKind | undefined {
  return recordKinds.find((kind) => `sonde.${kind}` === eventName);
}

interface Place {
  readonly name: string;
  readonly egress: string;
  readonly ingress: string;
  readonly asText: boolean;
  readonly required: boolean;
}

/** Where a field goes; of records without a direction, nothing is swapped. */
function placeOf(label: Label, hasDirection: boolean): Place {
  const { name, ecs, required } = label;
  const own = `sonde.${name}`;
  const [egress, ingress] =
    typeof ecs === 'object'
      ? hasDirection
        ? [ecs.egress, ecs.ingress]
        : [own, own]
      : [ecs ?? own, ecs ?? own];
  return { name, egress, ingress, asText: textInEcs.has(name), required: required === true };
}

function placesOf(kind: RecordKind): Map<string, Place> {
  const of = allLabels.map((label) => fieldOn(label, kind)).filter((label) => label !== undefined);
  const hasDirection = of.some(({ name }) => name === 'direction');
  return new Map(of.map((label) => [label.name, placeOf(label, hasDirection)]));
}

/** By kind of record and canonical name. */
export const ecsPlaces: Readonly<Record<RecordKind, ReadonlyMap<string, Place>>> = {
  flow: placesOf('flow'),
  connection: placesOf('connection'),
  dns: placesOf('dns'),
  listener: placesOf('listener'),
  address: placesOf('address'),
  window: placesOf('window'),
};

const succeeded: ReadonlySet<unknown> = new Set(['closed', 'open']);

function outcomeOf(record: Flat, kind: RecordKind): string {
  if (kind === 'dns') return record['dns.rcode'] === 'NOERROR' ? 'success' : 'failure';
  const state = record['connection.state'];
  if (state === 'canceled' || (state === 'open' && record['connection.established'] === false))
    return 'unknown';
  return succeeded.has(state) ? 'success' : 'failure';
}

function natureOf(record: Flat, kind: RecordKind): Flat {
  const told = { 'event.category': ['network'] };
  switch (kind) {
    case 'window':
      return { ...told, 'event.kind': 'metric', 'event.type': ['info'] };
    case 'listener':
    case 'address':
      return { ...told, 'event.kind': 'state', 'event.type': ['info'] };
    case 'dns':
      return {
        ...told,
        'event.kind': 'event',
        'event.type': ['protocol'],
        'event.outcome': outcomeOf(record, kind),
      };
    case 'flow':
      return {
        ...told,
        'event.kind': 'event',
        'event.type': ['connection'],
        'event.outcome': outcomeOf(record, kind),
      };
    case 'connection': {
      const moment = record['connection.state'] === 'open' ? 'start' : 'end';
      return {
        ...told,
        'event.kind': 'event',
        'event.type': ['connection', moment],
        'event.outcome': outcomeOf(record, kind),
      };
    }
  }
}

function lastedOf(record: Flat): Flat {
  const isOpen = record['connection.state'] === 'open';
  const ms = isOpen ? record['latency_ms'] : record['connection.duration_ms'];
  if (typeof ms !== 'number') return {};
  const end = String(record['time']);
  return {
    'event.start': new Date(Math.round(Date.parse(end) - ms)).toISOString(),
    'event.end': end,
    'event.duration': Math.round(ms * 1e6),
  };
}

function addresses(values: readonly unknown[]): string[] {
  const single = values.filter((value): value is string => typeof value === 'string' && isIP(value) !== 0);
  return [...new Set(single)];
}

function some(name: string, values: readonly unknown[]): Flat {
  return values.length > 0 ? { [name]: values } : {};
}

function sum(a: unknown, b: unknown): number {
  return Number(a) + Number(b);
}

function endsOf(record: Flat, kind: RecordKind): Flat {
  if (kind === 'window') return {};
  const { 'source.ip': source, 'destination.ip': destination, 'user.name': user } = record;
  const [single] = addresses([source]);
  const [translated] = addresses([record['destination.translated.ip']]);
  return {
    ...(kind === 'flow' || kind === 'connection'
      ? {
          'network.bytes': sum(record['bytes.sent'], record['bytes.received']),
          'network.packets': sum(record['segments.sent'], record['segments.received']),
        }
      : {}),
    ...(single === undefined ? {} : { 'source.ip': single }),
    ...(translated === undefined ? {} : { 'destination.nat.ip': translated }),
    ...(Array.isArray(record['dns.answers'])
      ? some('dns.resolved_ip', addresses(record['dns.answers']))
      : {}),
    ...some('related.ip', addresses([source, destination])),
    ...some('related.user', user === undefined ? [] : [user]),
    ...(record['k8s.pod.uid'] === undefined ? {} : { 'orchestrator.type': 'kubernetes' }),
  };
}

/** One flat object of ECS fields; the seven required labels under their own names too. */
export function toEcs(record: NumberedRecord): Flat {
  const of = record as unknown as Flat;
  const kind = kindOf(record['event.name']) ?? 'flow';
  const places = ecsPlaces[kind];
  const direction = of['direction'] === 'ingress' ? 'ingress' : 'egress';
  const told: Flat = {};
  for (const [name, value] of Object.entries(of)) {
    const place = places.get(name);
    if (value === undefined || !place) continue;
    told[place[direction]] = place.asText && typeof value === 'number' ? String(value) : value;
    if (place.required) told[name] = value;
  }
  return {
    ...told,
    'ecs.version': derivedFields['ecs.version'].values[0],
    'event.module': 'sonde',
    'agent.type': 'sonde',
    ...natureOf(of, kind),
    ...(kind === 'connection' ? lastedOf(of) : {}),
    ...endsOf(of, kind),
  };
}

/** The record that `toEcs` made this of; undefined for what is none. */
export function fromEcs(told: Flat): Flat | undefined {
  const kind = kindOf(told['event.dataset']);
  if (!kind) return undefined;
  const places = ecsPlaces[kind];
  const direction = told['network.direction'] === 'ingress' ? 'ingress' : 'egress';
  const record: Flat = {};
  for (const place of places.values()) {
    const value = told[place[direction]];
    if (value !== undefined) record[place.name] = place.asText ? Number(value) : value;
  }
  return record;
}
