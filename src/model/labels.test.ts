import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allLabels, fieldOn, labels, requiredLabels, type fields, type FieldName } from './labels.ts';
import type { NamespaceCoverage } from './coverage.ts';
import type { NumberedRecord } from './record.ts';
import { recordKinds, type Field, type RecordKind } from './schema/field.ts';

/*
 * The records' types and the table say the same. Where they do not, the compiler names the fields that
 * `drift` lacks.
 */

type RecordOf<K extends RecordKind> = Extract<NumberedRecord, { 'event.name': `sonde.${K}` }>;
type Words<S extends string> = S extends `${infer First} ${infer Rest}` ? First | Words<Rest> : S;
type OptionalKeys<T> = { [K in keyof T]-?: Pick<T, K> extends Required<Pick<T, K>> ? never : K }[keyof T];

type On<K extends string> = {
  [N in FieldName]: K extends Words<(typeof fields)[N]['on']> ? N : never;
}[FieldName];
type Always<T> = Exclude<keyof T, OptionalKeys<T>>;
type Apart<A, B> = Exclude<A, B> | Exclude<B, A>;

type Item<F> = F extends { values: readonly (infer V)[] } ? V : string;
type Plain = { string: string; time: string; int: number; double: number; bool: boolean };
type ValueOf<F> = F extends { type: 'list'; of: 'string' }
  ? readonly Item<F>[]
  : F extends { type: 'list'; of: 'bucket' }
    ? readonly (readonly [number, number])[]
    : F extends { type: 'list' }
      ? readonly NamespaceCoverage[]
      : F extends { type: 'map'; of: 'int' }
        ? Readonly<Partial<Record<Item<F>, number>>>
        : F extends { type: 'map' }
          ? Readonly<Record<string, string>>
          : F extends { type: 'string' }
            ? Item<F>
            : F extends { type: keyof Plain }
              ? Plain[F['type']]
              : never;

type OfKind<F, K> = K extends 'window' ? (F extends { onWindow: infer W } ? W : F) : F;
/** A text of which not every one is allowed needs its values in the table. */
type Fits<T, F> = [NonNullable<T>] extends [ValueOf<F>]
  ? null extends T
    ? F extends { nullable: true }
      ? true
      : false
    : true
  : false;
type Misfits<K extends RecordKind> = {
  [N in keyof RecordOf<K> & FieldName]: Fits<RecordOf<K>[N], OfKind<(typeof fields)[N], K>> extends true
    ? never
    : N;
}[keyof RecordOf<K> & FieldName];

type Drift<K extends RecordKind> =
  Apart<Always<RecordOf<K>>, On<K>> | Apart<OptionalKeys<RecordOf<K>>, On<`${K}?`>> | Misfits<K>;

/** The compiler misses a property here for each field that is apart. */
const drift: { readonly [K in RecordKind]: Readonly<Record<Drift<K>, never>> } = {
  flow: {},
  connection: {},
  dns: {},
  listener: {},
  address: {},
  window: {},
};

function prefixes(name: string): string[] {
  const words = name.split('.');
  return words.slice(1).map((_, i) => words.slice(0, i + 1).join('.'));
}

function ecsNames({ name, ecs }: Pick<Field, 'ecs'> & { readonly name: string }, kind: RecordKind): string[] {
  if (ecs === undefined || (kind === 'window' && typeof ecs === 'object')) return [`sonde.${name}`];
  return typeof ecs === 'string' ? [ecs] : [ecs.egress, ecs.ingress];
}

describe('the table', () => {
  test('has the seven', () => {
    assert.deepEqual([...requiredLabels].sort(), [
      'connection.state',
      'destination.ip',
      'destination.port',
      'environment',
      'host.name',
      'latency_ms',
      'process.name',
    ]);
  });

  test('names a kind of records once for each field', () => {
    for (const { name, on } of allLabels) {
      const kinds = on.split(' ').map((word) => word.replace('?', ''));
      assert.equal(new Set(kinds).size, kinds.length, name);
      for (const kind of kinds) assert.ok(Object.hasOwn(drift, kind), `${name}: ${kind}`);
    }
  });

  test('has one OpenTelemetry name for each field, of record and resource apart', () => {
    for (const onResource of [true, false]) {
      const names = labels
        .filter((label) => (label.onResource ?? false) === onResource)
        .map(({ otel }) => otel);
      assert.equal(new Set(names).size, names.length);
    }
  });

  test('has ECS names that an index can hold: no field is the beginning of another', () => {
    const own = allLabels.filter((label) => label.required).map(({ name }) => name);
    const names = recordKinds.map((kind) => [
      ...own,
      ...allLabels.flatMap((label) => {
        const of = fieldOn(label, kind);
        return of ? ecsNames(of, kind) : [];
      }),
    ]);
    const all = new Set(names.flat());
    for (const name of all)
      assert.deepEqual(
        prefixes(name).filter((prefix) => all.has(prefix)),
        [],
        name,
      );
  });

  test('classes every text by how many values it has', () => {
    for (const { name, type, classes } of allLabels)
      if (['string', 'time', 'bool'].includes(type)) assert.match(classes, /^[NEWHU] P[0-3]$/, name);
  });

  test('puts nothing on metrics that has no end', () => {
    for (const { name, prometheus, classes } of allLabels)
      if (prometheus && 'label' in prometheus) assert.doesNotMatch(classes, /^U/, name);
  });
});
