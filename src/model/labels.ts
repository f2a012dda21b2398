/**
 * The labelling standard: every field of every record, with its names elsewhere. Pages, JSON Schemas and
 * renderings are made from it (docs/reference/labels.md); a type test holds it to the records.
 */

import { countFields } from './schema/counts.ts';
import { emitterFields, headFields } from './schema/emitter.ts';
import { endFields } from './schema/ends.ts';
import { farFields } from './schema/far.ts';
import type { Field, RecordKind } from './schema/field.ts';
import { addressFields, dnsFields, listenerFields } from './schema/lookups.ts';
import { ownerFields } from './schema/owner.ts';
import { windowFields } from './schema/window.ts';

/** In the order in which the reference shows them. */
export const fieldGroups = {
  'Head and emitter': { ...headFields, ...emitterFields },
  Owner: ownerFields,
  'Ends and outcome': endFields,
  'The other end': farFields,
  Counts: countFields,
  'DNS lookups': dnsFields,
  Listeners: listenerFields,
  'Own addresses': addressFields,
  Windows: windowFields,
} as const;

export const fields = {
  ...headFields,
  ...emitterFields,
  ...ownerFields,
  ...endFields,
  ...farFields,
  ...countFields,
  ...dnsFields,
  ...listenerFields,
  ...addressFields,
  ...windowFields,
} as const;

export type FieldName = keyof typeof fields;

export interface Label extends Field {
  readonly name: string;
  readonly otel: string;
}

function labelOf([name, field]: readonly [string, Field]): Label {
  return { ...field, name, otel: field.otel ?? `sonde.${name}` };
}

/** Those of the head too. */
export const allLabels: readonly Label[] = Object.entries(fields).map(labelOf);

/** All but the event's name and time, which have places of their own in a log record. */
export const labels: readonly Label[] = allLabels.filter(({ name }) => !Object.hasOwn(headFields, name));

export const requiredLabels = labels.filter(({ required }) => required).map(({ name }) => name);

export interface Presence {
  readonly kind: RecordKind;
  readonly mayLack: boolean;
}

/** The kinds of records that have a field. */
export function presencesOf({ on }: Pick<Field, 'on'>): Presence[] {
  return on.split(' ').map((word) => ({
    kind: word.replace('?', '') as RecordKind,
    mayLack: word.endsWith('?'),
  }));
}

/** What a field is on one kind of records; undefined where they have none. */
export function fieldOn(label: Label, kind: RecordKind): (Label & { readonly mayLack: boolean }) | undefined {
  const presence = presencesOf(label).find((of) => of.kind === kind);
  if (!presence) return undefined;
  const { values: _, ...withoutValues } = label;
  const of = kind === 'window' && label.onWindow ? { ...withoutValues, ...label.onWindow } : label;
  return { ...of, mayLack: presence.mayLack };
}
