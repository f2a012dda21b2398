import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { closingOptions, connection, node, row, telling, toldFlow } from '../../../../test/observations.ts';
import { readLogsRequest, type ReadRecord, type Value } from '../../../../test/otlp-reader.ts';
import { manualClock } from '../../../lib/clock.ts';
import { labels } from '../../../model/labels.ts';
import type { NumberedRecord, WindowRecord } from '../../../model/record.ts';
import { windowCloser } from '../../window/closing.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { encodeRequest, type Encoding } from './logs.ts';
import { signalNames } from '../../../model/signals.ts';

const bounds = { number: 3, start: '2026-01-01T00:00:00.000Z', end: '2026-01-01T00:00:10.123Z', last: false };
const numbered = <T>(record: T): T & { 'record.sequence': number } => ({
  ...record,
  'record.sequence': 1_767_323_045_000_007,
});
const flow = numbered(
  toldFlow(
    row({ latency: [{ bucket: 4, count: 1 }], sums: { opened: 2, ended: 2, latencySumUs: 1500 } }),
    bounds,
  ),
);
const refused = numbered(
  connectionRecord(
    connection({ state: 'refused', latencyUs: null, error: 111 }),
    telling,
    wallTimes(manualClock()),
  ),
);
const closing: NumberedRecord & WindowRecord = numbered(
  windowCloser(
    node,
    closingOptions,
  )({
    bounds: { ...bounds, last: true },
    rows: [row({ sums: { opened: 2, ended: 2 } })],
    losses: { 'kernel.owners_full': 3 },
    namespaces: [],
    signals: signalNames,
  }).closing,
);

const observedMs = 1_767_225_611_500;

function sent(record: NumberedRecord, change: Partial<Encoding> = {}): ReadRecord {
  const encoding = { protocol: 'http/protobuf', names: 'canonical', observedMs, ...change } as const;
  const [read, ...more] = readLogsRequest(encodeRequest([record], encoding));
  assert.ok(read && more.length === 0);
  return read;
}

describe('a record over OTLP', () => {
  test('what is about the emitter is on the resource, and only there', () => {
    const { resource, attributes } = sent(flow);
    const text = (value: string): Value => ['string', value];
    assert.deepEqual(resource, {
      'service.name': text('sonde-agent'),
      'service.version': text('0.0.1'),
      'service.instance.id': text('a-1'),
      'host.name': text('n1'),
      environment: text('lab'),
      'deployment.environment.name': text('lab'),
      'agent.instance': text('main'),
      'agent.id': text('a-1'),
      'agent.version': text('0.0.1'),
      'boot.id': text('b-1'),
      'policy.version': text('full@0'),
    });
    for (const name of Object.keys(resource)) assert.ok(!(name in attributes), name);
  });

  test('so is its place in a cluster', () => {
    const { resource, attributes } = sent({
      ...flow,
      'k8s.node': 'n1',
      'k8s.cluster': 'blue',
      'k8s.pod': 'web-0',
    });
    assert.deepEqual(resource['k8s.node.name'], ['string', 'n1']);
    assert.deepEqual(resource['k8s.cluster.name'], ['string', 'blue']);
    assert.deepEqual(
      Object.keys(attributes).filter((name) => name.startsWith('k8s')),
      ['k8s.pod'],
    );
  });

  test('one whose environment a rule gave has a resource of its own', () => {
    const records = [{ ...flow, environment: 'internal' }, flow, refused];
    const read = readLogsRequest(
      encodeRequest(records, { protocol: 'http/protobuf', names: 'canonical', observedMs }),
    );
    assert.deepEqual(read.map(({ resource }) => resource['environment']?.[1]).sort(), [
      'internal',
      'lab',
      'lab',
    ]);
  });

  test('every other field arrives, under its name and with its type', () => {
    const { attributes } = sent(flow);
    const own = Object.entries(flow).filter(
      ([name, value]) => value !== null && !['event.name', 'time'].includes(name),
    );
    const emitter = new Set(labels.filter((label) => label.onResource).map(({ name }) => name));
    assert.deepEqual(
      Object.keys(attributes).sort(),
      own
        .map(([name]) => name)
        .filter((name) => !emitter.has(name))
        .sort(),
    );
    assert.deepEqual(attributes['record.sequence'], ['int', 1_767_323_045_000_007]);
    assert.deepEqual(attributes['connections.opened'], ['int', 2]);
    assert.deepEqual(attributes['latency_ms'], ['double', 1.5]);
    assert.deepEqual(attributes['connection.established'], ['bool', true]);
    assert.deepEqual(attributes['window.end'], ['string', bounds.end]);
    assert.deepEqual(attributes['latency.histogram'], [
      'array',
      [
        [
          'array',
          [
            ['double', 0.005],
            ['int', 1],
          ],
        ],
      ],
    ]);
  });

  test('maps are maps', () => {
    const { attributes } = sent(closing);
    assert.deepEqual(attributes['lost'], ['map', { 'kernel.owners_full': ['int', 3] }]);
    assert.deepEqual(attributes['connections.ended.states'], ['map', { closed: ['int', 2] }]);
    assert.deepEqual(attributes['window.last'], ['bool', true]);
    assert.deepEqual(attributes['coverage.namespaces'], ['array', []]);
  });

  test('head: name, time to the millisecond, severity, a line for people', () => {
    const read = sent(flow);
    assert.equal(read.eventName, 'sonde.flow');
    assert.equal(read.timeNs, BigInt(Date.parse(bounds.end)) * 1_000_000n);
    assert.equal(read.observedNs, BigInt(observedMs) * 1_000_000n);
    assert.equal(read.severity, 9);
    assert.deepEqual(read.body, ['string', 'curl → 10.0.0.2:80 closed 1.5 ms: 2 opened, 2 ended']);
    const failed = sent(refused);
    assert.equal(failed.severity, 13);
    assert.deepEqual(failed.body, ['string', 'curl[42] 10.0.0.1:40000 → 10.0.0.2:80 refused']);
    assert.deepEqual(sent(closing).body, ['string', 'window 3: 2 opened, 2 ended, 0 open']);
  });

  test('null is left out', () => {
    assert.equal(refused.latency_ms, null);
    assert.ok(!('latency_ms' in sent(refused).attributes));
  });

  test('under OpenTelemetry\u2019s names every field still arrives, the required ones under both', () => {
    const { attributes, resource } = sent(flow, { names: 'otel' });
    for (const { name, otel, required, onResource } of labels) {
      const value: unknown = new Map(Object.entries(flow)).get(name);
      if (value === undefined || onResource) continue;
      assert.ok(otel in attributes, otel);
      assert.equal(name in attributes, required === true || name === otel, name);
    }
    assert.deepEqual(attributes['network.peer.address'], ['string', '10.0.0.2']);
    assert.deepEqual(attributes['destination.ip'], ['string', '10.0.0.2']);
    assert.deepEqual(resource['environment'], ['string', 'lab']);
  });

  test('in JSON it says the same', () => {
    const encoding = { protocol: 'http/json', names: 'canonical', observedMs } as const;
    const request = JSON.parse(Buffer.from(encodeRequest([flow], encoding)).toString()) as {
      resourceLogs: {
        scopeLogs: { logRecords: { eventName: string; timeUnixNano: string; attributes: object[] }[] }[];
      }[];
    };
    const [record] = request.resourceLogs[0]!.scopeLogs[0]!.logRecords;
    assert.equal(record?.eventName, 'sonde.flow');
    assert.equal(record.timeUnixNano, '1767225610123000000');
    assert.deepEqual(
      record.attributes.find((a) => (a as { key: string }).key === 'record.sequence'),
      { key: 'record.sequence', value: { intValue: 1_767_323_045_000_007 } },
    );
  });

  test('records of two runs have two resources', () => {
    const other = { ...flow, 'agent.id': 'a-0' };
    const request = encodeRequest([flow, other, flow], {
      protocol: 'http/protobuf',
      names: 'canonical',
      observedMs,
    });
    const ids = readLogsRequest(request).map(({ resource }) => resource['agent.id']?.[1]);
    assert.deepEqual(ids, ['a-1', 'a-1', 'a-0']);
  });
});
