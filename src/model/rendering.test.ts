import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openPolicy } from '../agent/window/policy/policy.ts';
import { faultsOf, realRecords } from '../../test/record-schemas.ts';
import { allLabels, fieldOn, requiredLabels } from './labels.ts';
import { renderLabelsReference } from './labels-reference.ts';
import { renderRecordSchema, schemaFiles } from './record-schema.ts';
import type { NumberedRecord } from './record.ts';
import { nameModes, recognised, rendered, type Names } from './rendering.ts';
import { recordKinds } from './schema/field.ts';

const folder = join(import.meta.dirname, '../../docs/reference');
const records = realRecords();
const other = ['otel', 'ecs'] as const;

/** As it is in a file. */
function line(record: NumberedRecord, names: Names): Record<string, unknown> {
  return JSON.parse(JSON.stringify(rendered(record, names))) as Record<string, unknown>;
}

function ecs(change: (record: NumberedRecord) => boolean): Record<string, unknown> {
  return line(records.find(change) ?? assert.fail(), 'ecs');
}

test('labels.md is up to date (npm run docs)', () => {
  assert.equal(readFileSync(join(folder, 'labels.md'), 'utf8'), renderLabelsReference());
});

for (const names of nameModes)
  test(`${schemaFiles[names]} is up to date (npm run docs)`, () => {
    const page = readFileSync(join(folder, 'schema', schemaFiles[names]), 'utf8');
    assert.equal(page, renderRecordSchema(names));
  });

describe('records of every kind', () => {
  test('are what this is about: between them they have nearly every field', () => {
    const had = new Set(records.flatMap((record) => Object.keys(record)));
    const lacked = allLabels.map(({ name }) => name).filter((name) => !had.has(name));
    assert.deepEqual(lacked.sort(), [
      'cgroup.path',
      'dns.question.name.form',
      'host.name.form',
      'process.name.form',
    ]);
    assert.equal(new Set(records.map((record) => record['event.name'])).size, recordKinds.length);
  });

  for (const names of nameModes) {
    test(`are sound under ${names} names`, () => {
      for (const record of records)
        assert.deepEqual(faultsOf(line(record, names), names), [], record['event.name']);
    });

    test(`under ${names} names, a field too many and a field too few are faults`, () => {
      for (const record of records) {
        const told = line(record, names);
        assert.notDeepEqual(faultsOf({ ...told, 'a.stranger': 1 }, names), []);
        const { [names === 'ecs' ? '@timestamp' : 'time']: _, ...less } = told;
        assert.notDeepEqual(faultsOf(less, names), []);
      }
    });

    test(`under ${names} names, the seven are there under their own`, () => {
      for (const record of records) {
        const { resource, attributes, ...flat } = line(record, names);
        const told = new Map([flat, resource, attributes].flatMap((part) => Object.entries(part ?? {})));
        for (const name of requiredLabels) {
          const value = new Map<string, unknown>(Object.entries(record)).get(name);
          // OpenTelemetry's attributes have no null.
          if (value !== null || names !== 'otel') assert.deepEqual(told.get(name), value, name);
        }
      }
    });

    test(`are themselves again, back from ${names} names`, () => {
      for (const record of records)
        assert.deepEqual(recognised(line(record, names)), { record: { ...record }, names });
    });
  }
});

describe('records that went through a field policy', () => {
  for (const preset of ['minimal', 'standard'] as const)
    test(`are sound under ${preset}`, async () => {
      const config = { preset, fields: {}, prefix_ipv4: 24, prefix_ipv6: 48 };
      for (const record of realRecords(await openPolicy(config)))
        for (const names of nameModes) assert.deepEqual(faultsOf(line(record, names), names), [], names);
    });
});

describe('each name elsewhere is the name of one field', () => {
  for (const names of other)
    for (const kind of recordKinds)
      test(`${names} on sonde.${kind}`, () => {
        const of = allLabels.map((label) => fieldOn(label, kind)).filter((field) => field !== undefined);
        const hasDirection = of.some(({ name }) => name === 'direction');
        const egress = of.map(({ name, otel, ecs: as = `sonde.${name}`, onResource }) => {
          if (names === 'otel') return `${onResource ? 'resource' : 'record'} ${otel}`;
          return typeof as === 'string' ? as : hasDirection ? as.egress : `sonde.${name}`;
        });
        assert.equal(new Set(egress).size, egress.length);
      });
});

describe('ECS', () => {
  test('the source is who opened it: bytes are swapped on ingress, and the other end is the source', () => {
    const [out, into] = [
      ecs((r) => r['event.name'] === 'sonde.flow' && r.direction === 'egress' && r['bytes.sent'] > 0),
      ecs((r) => r['event.name'] === 'sonde.flow' && r.direction === 'ingress' && r['bytes.sent'] > 0),
    ];
    assert.deepEqual(
      [out['source.bytes'], out['destination.bytes'], out['network.bytes']],
      [100, 2000, 2100],
    );
    assert.deepEqual([into['source.bytes'], into['destination.bytes'], into['network.bytes']], [0, 7, 7]);
    assert.deepEqual(
      [out['destination.domain'], into['source.domain']],
      ['api.example.com', 'api.example.com'],
    );
    assert.ok(!('source.domain' in out) && !('destination.domain' in into));
  });

  test('a connection that ended lasted from its start to its end', () => {
    const told = ecs((r) => r['event.name'] === 'sonde.connection' && r['connection.state'] === 'closed');
    assert.equal(told['event.duration'], 250_000_000);
    assert.deepEqual(told['event.type'], ['connection', 'end']);
    assert.equal(told['event.outcome'], 'success');
    const [start, end] = [told['event.start'], told['event.end']].map((at) => Date.parse(String(at)));
    assert.equal((end ?? 0) - (start ?? 0), 250);
    assert.equal(told['event.end'], told['@timestamp']);
  });

  test('one that was just established lasted for its handshake; one without a beginning has none', () => {
    const open = ecs((r) => r['event.name'] === 'sonde.connection' && r['connection.state'] === 'open');
    assert.equal(open['event.duration'], 1_234_000);
    assert.deepEqual(open['event.type'], ['connection', 'start']);
    const adopted = ecs((r) => r['event.name'] === 'sonde.connection' && r['connection.adopted'] === true);
    assert.ok(!('event.duration' in adopted) && !('event.start' in adopted));
    assert.equal(adopted['event.outcome'], 'failure');
  });

  test('a prefix is no IP address: only the required label has it', () => {
    const told = ecs(
      (r) => r['event.name'] === 'sonde.flow' && r.direction === 'ingress' && r['bytes.sent'] > 0,
    );
    assert.equal(told['source.address'], '2001:db8::/48');
    assert.ok(!('source.ip' in told));
    assert.deepEqual(told['related.ip'], ['2001:db8::1']);
  });

  test('a window is a metric, a listener a state', () => {
    assert.equal(ecs((r) => r['event.name'] === 'sonde.window')['event.kind'], 'metric');
    assert.equal(ecs((r) => r['event.name'] === 'sonde.listener')['event.kind'], 'state');
  });
});
