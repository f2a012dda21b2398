/** A record under the names that a receiver wants: Sonde's own, OpenTelemetry's or ECS's; and back. */

import { fromEcs, kindOf, toEcs, type Flat } from './ecs.ts';
import { fieldOn, labels } from './labels.ts';
import type { NumberedRecord } from './record.ts';

export const nameModes = ['canonical', 'otel', 'ecs'] as const;
export type Names = (typeof nameModes)[number];

/** As OpenTelemetry has it: about who tells, and about what. */
export interface OtelRecord {
  readonly 'event.name': string;
  readonly time: string;
  readonly resource: Flat;
  readonly attributes: Flat;
}

export const emitterService = 'sonde-agent';

const inTheHead: ReadonlySet<string> = new Set(['event.name', 'time']);
const inTheEcsHead: ReadonlySet<string> = new Set(['event.dataset', '@timestamp']);
const onResource: ReadonlySet<string> = new Set(
  labels.filter((label) => label.onResource).map(({ name }) => name),
);
const otelNames: ReadonlyMap<string, readonly string[]> = new Map(
  labels.map(({ name, otel, required }) => [name, required && otel !== name ? [name, otel] : [otel]]),
);

/** OpenTelemetry's names of it where it has some, and all under their own too. */
const resourceNames: ReadonlyMap<string, readonly string[]> = new Map(
  labels
    .filter((label) => label.onResource)
    .map(({ name, otel }) => [name, otel === name || otel === `sonde.${name}` ? [name] : [name, otel]]),
);

export function resourceOf(record: NumberedRecord): Flat {
  const of = record as unknown as Flat;
  const resource: Flat = { 'service.name': emitterService };
  for (const [name, as] of resourceNames) {
    const value = of[name];
    if (value !== undefined) for (const each of as) resource[each] = value;
  }
  return resource;
}

/** What is not on the resource and not in the head. Attributes have no null: it is left out. */
export function attributesOf(record: NumberedRecord, names: Names): Flat {
  if (names === 'ecs')
    return Object.fromEntries(
      Object.entries(toEcs(record)).filter(([name, value]) => value !== null && !inTheEcsHead.has(name)),
    );
  const attributes: Flat = {};
  for (const [name, value] of Object.entries(record)) {
    if (value === null || value === undefined || inTheHead.has(name) || onResource.has(name)) continue;
    const as = names === 'otel' ? otelNames.get(name) : undefined;
    if (as === undefined) attributes[name] = value;
    else for (const each of as) attributes[each] = value;
  }
  return attributes;
}

/** Of the same generation an agent may have had another version, policy or environment. */
export function emitterOf(record: NumberedRecord): string {
  const of = record as unknown as Flat;
  let emitter = '';
  for (const name of onResource) emitter += `${String(of[name])}\n`;
  return emitter;
}

export function toOtel(record: NumberedRecord): OtelRecord {
  return {
    'event.name': record['event.name'],
    time: record.time,
    resource: resourceOf(record),
    attributes: attributesOf(record, 'otel'),
  };
}

/** The record that `toOtel` made this of; undefined for what is none. */
export function fromOtel(told: Flat): Flat | undefined {
  const kind = kindOf(told['event.name']);
  const { resource, attributes } = told as Partial<OtelRecord>;
  if (!kind || typeof resource !== 'object' || typeof attributes !== 'object') return undefined;
  const record: Flat = { 'event.name': told['event.name'], time: told['time'] };
  for (const label of labels) {
    const field = fieldOn(label, kind);
    if (!field) continue;
    const value = label.onResource ? resource[label.name] : attributes[label.otel];
    if (value !== undefined) record[label.name] = value;
    else if (field.nullable && !field.mayLack) record[label.name] = null;
  }
  return record;
}

/** What a line of JSON says of it. */
export function rendered(record: NumberedRecord, names: Names): object {
  if (names === 'canonical') return record;
  return names === 'otel' ? toOtel(record) : toEcs(record);
}

/** The record that a line of JSON is of, under whichever names; undefined for what is none. */
export function recognised(line: unknown): { readonly record: Flat; readonly names: Names } | undefined {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return undefined;
  const told = line as Flat;
  if ('attributes' in told) return named(fromOtel(told), 'otel');
  if ('event.dataset' in told) return named(fromEcs(told), 'ecs');
  return kindOf(told['event.name']) ? { record: told, names: 'canonical' } : undefined;
}

function named(record: Flat | undefined, names: Names): ReturnType<typeof recognised> {
  return record && { record, names };
}
