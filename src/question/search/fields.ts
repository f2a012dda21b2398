/** What can be searched: the tables, and of each table's rows the labels, as the store has them. */

import { allLabels, fieldOn, type Label } from '../../model/labels.ts';
import type { TableName } from '../../model/block.ts';
import { filledColumns } from '../../model/row/rows.ts';
import type { RecordKind } from '../../model/schema/field.ts';

interface SearchTable {
  readonly table: TableName;
  readonly kind: RecordKind;
  readonly title: string;
}

/** By the name that is asked for. */
export const searchTables: Readonly<Record<string, SearchTable>> = {
  flows: { table: 'flows', kind: 'flow', title: 'Flows' },
  events: { table: 'connection_events', kind: 'connection', title: 'Connections' },
  dns: { table: 'dns', kind: 'dns', title: 'DNS lookups' },
  listeners: { table: 'listeners', kind: 'listener', title: 'Listeners' },
  addresses: { table: 'addresses', kind: 'address', title: 'Own addresses' },
  windows: { table: 'windows', kind: 'window', title: 'Windows' },
};

/** Where a value stands in a row: a column, one divided by another, or one key of a map. */
export interface Place {
  readonly column: string;
  readonly over?: string;
  readonly key?: string;
}

export type FieldType = 'text' | 'number' | 'address' | 'boolean';

export interface SearchField {
  readonly name: string;
  readonly label: Label;
  readonly type: FieldType;
  readonly place: Place;
  /** It has many values: a term holds where it holds of one. */
  readonly isList: boolean;
}

export interface SearchFields {
  /** By the canonical name. */
  readonly all: ReadonlyMap<string, SearchField>;
  /** Those that have keys: `labels.KEY`. */
  readonly maps: readonly SearchField[];
  /** Canonical names of others: OpenTelemetry's. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** What a window has of many connections is stored as a sum and how many it is of. */
const means: Readonly<Record<string, Place>> = {
  latency_ms: { column: 'latency_sum_ms', over: 'latency_count' },
  rtt_ms: { column: 'rtt_sum_ms', over: 'rtt_count' },
};

function typeOf({ name, type, of }: Label): FieldType | undefined {
  if (type === 'string') return name.endsWith('.ip') ? 'address' : 'text';
  if (type === 'int' || type === 'double') return 'number';
  if (type === 'bool') return 'boolean';
  if (of === 'string' && (type === 'list' || type === 'map')) return 'text';
  return type === 'map' && of === 'int' ? 'number' : undefined;
}

function fieldFor(label: Label, columns: readonly string[]): SearchField | undefined {
  const { name } = label;
  const type = typeOf(label);
  const column = name.replaceAll('.', '_');
  const place = columns.includes(column) ? { column } : means[name];
  if (type === undefined || place === undefined || !columns.includes(place.column)) return undefined;
  return { name, label, type, place, isList: label.type === 'list' };
}

function fieldsFor({ table, kind }: SearchTable): SearchFields {
  const labels = allLabels.flatMap((label) => fieldOn(label, kind) ?? []);
  const fields = labels.flatMap((label) => fieldFor(label, filledColumns[table]) ?? []);
  const [maps, plain] = [true, false].map((isMap) =>
    fields.filter(({ label }) => (label.type === 'map') === isMap),
  );
  const all = new Map((plain ?? []).map((field) => [field.name, field]));
  const aliases = fields.map(({ name, label }) => [label.otel, name] as const);
  return { all, maps: maps ?? [], aliases: new Map(aliases.filter(([otel]) => !all.has(otel))) };
}

const made = new Map<string, SearchFields>();

/** Of a table of `searchTables`. */
export function searchFields(name: string): SearchFields {
  const table = searchTables[name];
  if (table === undefined) throw new Error(`no table ${name}`);
  const fields = made.get(name) ?? fieldsFor(table);
  made.set(name, fields);
  return fields;
}

/** By its canonical or OpenTelemetry name; of a map's key `labels.KEY`. */
export function findField({ all, maps, aliases }: SearchFields, name: string): SearchField | undefined {
  const field = all.get(name) ?? all.get(aliases.get(name) ?? '');
  if (field !== undefined) return field;
  for (const map of maps) {
    for (const prefix of [`${map.name}.`, `${map.label.otel}.`]) {
      const key = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      if (key !== '') return { ...map, name: `${map.name}.${key}`, place: { ...map.place, key } };
    }
  }
  return undefined;
}

/** Measured values are compared; the others are what a row is about, and can be counted. */
export function isMeasured({ label }: SearchField): boolean {
  return !label.classes.includes(' ');
}

/** What a word alone is looked for in. */
const wordNames: ReadonlySet<string> = new Set([
  'host.name',
  'process.name',
  'process.executable.path',
  'user.name',
  'workload.name',
  'workload.owner',
  'systemd.unit',
  'container.name',
  'k8s.namespace',
  'k8s.pod',
  'source.ip',
  'destination.ip',
  'destination.name',
  'destination.service',
  'destination.as.org',
  'dns.question.name',
  'connection.state',
]);

export function wordFields({ all }: SearchFields): SearchField[] {
  return [...all.values()].filter(({ name }) => wordNames.has(name));
}

export function addressFields({ all }: SearchFields): SearchField[] {
  return [...all.values()].filter(({ type }) => type === 'address');
}
