import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { derivedFields } from './ecs.ts';
import { ecsMappings, renderIndexTemplate } from './ecs-template.ts';
import { recordSchema } from './record-schema.ts';

const file = join(import.meta.dirname, '../../deploy/integrations/elasticsearch/index-template.json');
const mappings = ecsMappings();

interface Property {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly items?: Property;
}

/** Of each field of each record, as docs/reference/schema has it. */
const schemas = Object.values(
  (recordSchema('ecs') as { $defs: Record<string, { properties: Record<string, Property> }> }).$defs,
).flatMap(({ properties }) => Object.entries(properties));

const typesOf: Readonly<Record<string, readonly string[]>> = {
  string: ['keyword', 'ip'],
  time: ['date'],
  integer: ['long'],
  number: ['double'],
  boolean: ['boolean'],
  object: ['flattened', 'object'],
  array: ['object'],
};

function wordFor(property: Property): string {
  if (property.enum !== undefined || property.const !== undefined) return 'string';
  if (property.pattern !== undefined) return 'time';
  const [type = ''] = [property.type ?? ''].flat();
  return type === 'array' && property.items ? wordFor(property.items) : type;
}

describe('the index template', () => {
  test('is up to date: npm run docs', () => {
    assert.equal(readFileSync(file, 'utf8'), renderIndexTemplate());
  });

  test('has every field that a record may have, of a type that takes its values', () => {
    for (const [name, property] of schemas) {
      const type = String(mappings.get(name)?.['type']);
      assert.ok(typesOf[wordFor(property)]?.includes(type), `${name}: ${type} for ${wordFor(property)}`);
    }
    assert.deepEqual(new Set(mappings.keys()), new Set(schemas.map(([name]) => name)));
  });

  test('takes what is no address where there may be one, and nowhere else', () => {
    const lenient = [...mappings].filter(([, mapping]) => mapping['ignore_malformed'] === true);
    assert.deepEqual(lenient, [['destination.ip', { type: 'ip', ignore_malformed: true }]]);
    const strict = [...mappings].filter(([name, { type }]) => type === 'ip' && name !== 'destination.ip');
    assert.ok(strict.length > 0);
    for (const [name] of strict) assert.ok(Object.hasOwn(derivedFields, name), `${name} is tried before`);
  });
});
