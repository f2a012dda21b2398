/** JSON Schemas (2020-12) of a record, made from the labelling standard: one definition per event name. */

import { derivedFields, textInEcs } from './ecs.ts';
import { allLabels, fieldOn, requiredLabels, type Label } from './labels.ts';
import type { NamespaceCoverage } from './coverage.ts';
import { emitterService, type Names } from './rendering.ts';
import { recordKinds, type Field, type ItemType, type RecordKind } from './schema/field.ts';

/** Keywords and what they are. */
export type Schema = Readonly<Record<string, unknown>>;

const counts: Schema = { type: 'object', additionalProperties: { type: 'integer' } };
const words: Schema = { type: 'object', additionalProperties: { type: 'string' } };

const namespaceFields: Readonly<Record<keyof NamespaceCoverage, Schema>> = {
  'network.namespace': { type: 'integer' },
  'network.namespace.cookie': { type: 'string' },
  unreachable: { type: 'string' },
  seen: counts,
  kernel: counts,
  difference: counts,
  explained: words,
  incomparable: words,
  inbound: counts,
};

const items: Readonly<Record<ItemType, Schema>> = {
  string: { type: 'string' },
  int: { type: 'integer' },
  bucket: {
    type: 'array',
    prefixItems: [{ type: 'number' }, { type: 'integer' }],
    items: false,
    minItems: 2,
  },
  namespace: {
    type: 'object',
    properties: namespaceFields,
    required: ['network.namespace', 'network.namespace.cookie', 'seen'],
    additionalProperties: false,
  },
};

const plain = {
  int: 'integer',
  double: 'number',
  bool: 'boolean',
} as const;

type Shape = Pick<Field, 'type' | 'of' | 'values' | 'nullable'>;

function valueSchema({ type, of = 'string', values, nullable }: Shape): Schema {
  switch (type) {
    case 'string':
      return values ? { enum: values } : { type: 'string' };
    case 'time':
      return { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' };
    case 'list':
      return { type: 'array', items: values ? { enum: values } : items[of] };
    case 'map':
      return {
        type: 'object',
        additionalProperties: items[of],
        ...(values ? { propertyNames: { enum: values } } : {}),
      };
    default:
      return { type: nullable ? [plain[type], 'null'] : plain[type] };
  }
}

/** Without its links. */
function described({ means, unit }: Pick<Field, 'means' | 'unit'>): Schema {
  const text = means.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
  return { description: unit === undefined ? text : `${text} (${unit})` };
}

type OnKind = Label & { readonly mayLack: boolean };

function fieldsOf(kind: RecordKind): OnKind[] {
  return allLabels.map((label) => fieldOn(label, kind)).filter((field) => field !== undefined);
}

function schemaOf(field: OnKind, kind: RecordKind): Schema {
  const value = field.name === 'event.name' ? { const: `sonde.${kind}` } : valueSchema(field);
  return { ...described(field), ...value };
}

interface Property {
  readonly name: string;
  readonly schema: Schema;
  readonly required: boolean;
}

function object(properties: readonly Property[]): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(properties.map(({ name, schema }) => [name, schema])),
    required: [...new Set(properties.filter(({ required }) => required).map(({ name }) => name))],
    additionalProperties: false,
  };
}

function canonical(kind: RecordKind): Schema {
  return object(
    fieldsOf(kind).map((field) => ({
      name: field.name,
      schema: schemaOf(field, kind),
      required: !field.mayLack,
    })),
  );
}

/** The name elsewhere, and its own for the seven. */
function alsoOwn(field: OnKind, as: readonly string[]): string[] {
  return [...new Set([...as, ...(requiredLabels.includes(field.name) ? [field.name] : [])])];
}

function otel(kind: RecordKind): Schema {
  const all = fieldsOf(kind);
  const [head, rest] = [all.slice(0, 2), all.slice(2)];
  const emitter = rest.filter(({ onResource }) => onResource);
  const resource = emitter.flatMap((field) => {
    const names =
      field.otel === `sonde.${field.name}` ? [field.name] : [...new Set([field.name, field.otel])];
    return names.map((name) => ({ name, schema: schemaOf(field, kind), required: !field.mayLack }));
  });
  const attributes = rest
    .filter(({ onResource }) => !onResource)
    .flatMap((field) => {
      const { nullable, ...there } = field;
      const required = !field.mayLack && !nullable; // null is left out
      return alsoOwn(field, [field.otel]).map((name) => ({ name, schema: schemaOf(there, kind), required }));
    });
  const service = { name: 'service.name', schema: { const: emitterService }, required: true };
  return object([
    ...head.map((field) => ({ name: field.name, schema: schemaOf(field, kind), required: true })),
    { name: 'resource', schema: object([service, ...resource]), required: true },
    { name: 'attributes', schema: object(attributes), required: true },
  ]);
}

function ecs(kind: RecordKind): Schema {
  const all = fieldsOf(kind);
  const hasDirection = all.some(({ name }) => name === 'direction');
  const own = all.flatMap((field) => {
    const { name, ecs: as = `sonde.${name}`, mayLack } = field;
    const there = typeof as === 'string' ? [as] : hasDirection ? [as.egress, as.ingress] : [`sonde.${name}`];
    const schema = textInEcs.has(name) ? { ...described(field), type: 'string' } : schemaOf(field, kind);
    return alsoOwn(field, there).map((to) => ({ name: to, schema, required: !mayLack }));
  });
  const derived = Object.entries<Field>(derivedFields).flatMap(([name, field]) => {
    const of = fieldOn({ ...field, name, otel: name }, kind);
    return of ? [{ name, schema: { ...described(of), ...valueSchema(of) }, required: !of.mayLack }] : [];
  });
  return object([...own, ...derived]);
}

const definitions = { canonical, otel, ecs } as const;

const titles: Readonly<Record<Names, string>> = {
  canonical: 'A record of Sonde',
  otel: 'A record of Sonde under OpenTelemetry\u2019s names',
  ecs: 'A record of Sonde under ECS\u2019s names',
};

/** Of a record as a line of JSON under these names. */
export function recordSchema(names: Names): Schema {
  const eventNames = recordKinds.map((kind) => `sonde.${kind}`);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: titles[names],
    oneOf: eventNames.map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: Object.fromEntries(recordKinds.map((kind) => [`sonde.${kind}`, definitions[names](kind)])),
  };
}

/** docs/reference/schema/. */
export const schemaFiles: Readonly<Record<Names, string>> = {
  canonical: 'record.schema.json',
  otel: 'record.otel.schema.json',
  ecs: 'record.ecs.schema.json',
};

export function renderRecordSchema(names: Names): string {
  return `${JSON.stringify(recordSchema(names), null, 2)}\n`;
}
