import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { encodeLogs, flow, connection, windowEnd, plainWire } from '../../../test/otlp.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { prng } from '../../lib/prng.ts';
import { inflate } from './inflate.ts';
import { decodeJson } from './json.ts';
import { logLimits, MalformedLogs } from './logs.ts';
import { fieldOf, type LogRecord } from '../../model/row/record.ts';
import { decodeProtobuf } from './protobuf.ts';

const records = [flow(1), connection(2), windowEnd(3)];
const decoders = { protobuf: decodeProtobuf, json: decodeJson };

/** Everything but a clear refusal is a fault. */
function decodeOrRefuse(decode: (body: Buffer) => LogRecord[], body: Buffer): LogRecord[] | undefined {
  try {
    return decode(body);
  } catch (error) {
    assert.ok(error instanceof MalformedLogs, String((error as Error).stack));
    return undefined;
  }
}

describe('both encodings say the same', () => {
  for (const names of ['canonical', 'otel'] as const) {
    test(`with ${names} names`, () => {
      const wire = { ...plainWire, names };
      const fromProtobuf = decodeProtobuf(encodeLogs(records, { ...wire, encoding: 'protobuf' }));
      const fromJson = decodeJson(encodeLogs(records, { ...wire, encoding: 'json' }));
      assert.equal(fromProtobuf.length, 3);
      assert.deepEqual(fromJson, fromProtobuf);
      const [first, second] = fromProtobuf;
      assert.equal(first?.eventName, 'sonde.flow');
      assert.equal(first.fields[fieldOf('bytes.sent')], Number.MAX_SAFE_INTEGER);
      assert.equal(second?.timeMs, Date.UTC(2026, 10, 25, 9, 0, 5, 123));
    });
  }
});

const named = (key: string) => ({ key, value: { stringValue: 'x' } });

test('service.name is who sends on the resource, and the workload on a record', () => {
  for (const encoding of ['protobuf', 'json'] as const) {
    const [record] = decoders[encoding](encodeLogs([flow(1)], { ...plainWire, encoding, names: 'otel' }));
    assert.equal(record?.resource[fieldOf('workload.name')], undefined);
    assert.equal(record?.fields[fieldOf('workload.name')], 'checkout');
  }
});

test('nor is the container that sends the one that a record is about', () => {
  const resource = { attributes: ['container.id', 'k8s.pod.uid'].map(named) };
  const body = {
    resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ attributes: [named('user.name')] }] }] }],
  };
  const [record] = decodeJson(Buffer.from(JSON.stringify(body)));
  assert.ok(record);
  assert.equal(record.fields[fieldOf('user.name')], 'x');
  for (const label of ['container.id', 'k8s.pod.uid'])
    assert.equal(record.resource[fieldOf(label)], undefined);
});

test('what is said of the emitter may be on each record', () => {
  const attributes = [named('host.name'), named('k8s.node')];
  const body = { resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords: [{ attributes }] }] }] };
  const [record] = decodeJson(Buffer.from(JSON.stringify(body)));
  assert.ok(record);
  for (const { key, value } of attributes) assert.equal(record.fields[fieldOf(key)], value.stringValue);
});

test('the name of the event may be an attribute; a canonical name wins over the other', () => {
  const attributes = [
    { key: 'process.name', value: { stringValue: 'canonical' } },
    { key: 'sonde.process.comm', value: { stringValue: 'other' } },
    { key: 'event.name', value: { stringValue: 'sonde.flow' } },
  ];
  const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes }] }] }] };
  const [record] = decodeJson(Buffer.from(JSON.stringify(body)));
  assert.equal(record?.eventName, 'sonde.flow');
  assert.equal(record.fields[fieldOf('process.name')], 'canonical');
});

test('every truncation is refused or is a shorter message', () => {
  const body = encodeLogs(records, plainWire);
  const whole = decodeProtobuf(body).length;
  for (let length = 0; length < body.length; length++) {
    const decoded = decodeOrRefuse(decodeProtobuf, body.subarray(0, length));
    // Cut between two messages it is a sound one with fewer records.
    assert.ok(decoded === undefined || decoded.length < whole, `${length} bytes`);
  }
  const json = encodeLogs(records, { ...plainWire, encoding: 'json' });
  for (let length = 0; length < json.length; length += 7) {
    assert.equal(decodeOrRefuse(decodeJson, json.subarray(0, length)), undefined);
  }
});

test('flipped bytes and random bytes never do more than be refused', () => {
  const random = prng(3);
  const sound = encodeLogs(records, plainWire);
  for (let round = 0; round < 5000; round++) {
    const body = Buffer.from(sound);
    for (let flips = random.below(4) + 1; flips > 0; flips--) {
      body[random.below(body.length)] = random.below(256);
    }
    decodeOrRefuse(decodeProtobuf, body);
    decodeOrRefuse(
      decodeProtobuf,
      Buffer.from(Array.from({ length: random.below(64) }, () => random.below(256))),
    );
  }
});

describe('what is only made to hurt', () => {
  const field = (number: number, payload: Buffer): Buffer => {
    const length: number[] = [];
    for (let left = payload.length; ; left = Math.floor(left / 128)) {
      length.push(left < 128 ? left : (left % 128) + 128);
      if (left < 128) break;
    }
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), payload]);
  };
  const attribute = (value: Buffer): Buffer =>
    field(
      1,
      field(
        2,
        field(2, field(6, Buffer.concat([field(1, Buffer.from('latency.histogram')), field(2, value)]))),
      ),
    );

  test('the builder of this test makes sound messages', () => {
    const [record] = decodeProtobuf(attribute(field(1, Buffer.from('x'))));
    assert.equal(record?.fields[fieldOf('latency.histogram')], 'x');
  });

  test('values within values', () => {
    let value: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 1000; depth++) value = field(5, field(1, value));
    assert.throws(() => decodeProtobuf(attribute(value)), /nested too deep/);
    let json: unknown = { stringValue: '' };
    for (let depth = 0; depth < 1000; depth++) json = { arrayValue: { values: [json] } };
    const attributes = [{ key: 'lost', value: json }];
    const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes }] }] }] };
    assert.throws(() => decodeJson(Buffer.from(JSON.stringify(body))), /nested too deep/);
  });

  test('lists of many empty values', () => {
    const empty = field(1, Buffer.alloc(0));
    const values = Buffer.concat(Array.from({ length: logLimits.itemsMax + 1 }, () => empty));
    assert.throws(() => decodeProtobuf(attribute(field(5, values))), /values in a list/);
  });

  test('many lists of empty maps', () => {
    const map = field(1, field(6, Buffer.alloc(0)));
    const list = field(1, field(5, Buffer.concat(Array.from({ length: logLimits.itemsMax }, () => map))));
    const lists = Math.ceil(logLimits.valuesMax / logLimits.itemsMax);
    const value = field(5, Buffer.concat(Array.from({ length: lists }, () => list)));
    assert.throws(() => decodeProtobuf(attribute(value)), /more than 2000000 values/);
    for (const empty of ['{},', '[],']) {
      const text = `{"a":[${empty.repeat(logLimits.bracketsMax)}0]}`;
      assert.throws(() => decodeJson(Buffer.from(text)), /more than 4000000 objects and lists/);
    }
  });

  test('many empty records', () => {
    const empty = Buffer.concat(
      Array.from({ length: logLimits.partsMax + 1 }, () => field(2, Buffer.alloc(0))),
    );
    assert.throws(() => decodeProtobuf(field(1, field(2, empty))), /more than 200000 records/);
  });

  test('a length beyond the end, and one of 2^63', () => {
    assert.throws(() => decodeProtobuf(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])), MalformedLogs);
    const huge = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert.throws(() => decodeProtobuf(Buffer.from(huge)), MalformedLogs);
  });

  test('JSON of other shapes', () => {
    for (const text of [
      'null',
      '[]',
      '1',
      '{"resourceLogs":{}}',
      '{"resourceLogs":[1]}',
      '{"resourceLogs":[{"scopeLogs":1}]}',
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[[]]}]}]}',
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"}]}]}]}',
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":1}]}]}]}]}',
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"lost","value":{"intValue":"0x1"}}]}]}]}]}',
    ]) {
      assert.throws(() => decodeJson(Buffer.from(text)), MalformedLogs, text);
    }
    assert.deepEqual(decodeJson(Buffer.from('{"resourceLogs":null,"new":1}')), []);
    const nothing = { eventName: null, timeUnixNano: null, attributes: null };
    const request = { resourceLogs: [{ resource: null, scopeLogs: [{ logRecords: [nothing] }] }] };
    const [record] = decodeJson(Buffer.from(JSON.stringify(request)));
    const bare = { eventName: '', timeMs: 0, observedMs: 0, fields: [], resource: [] };
    assert.deepEqual(record, bare, 'null is nothing');
  });
});

describe('content encodings', () => {
  const codeOf = async (body: Buffer, encoding: string): Promise<string> => {
    const error: unknown = await inflate(body, { encoding, bytesMax: 1000 }).then(
      () => assert.fail('taken'),
      (reason: unknown) => reason,
    );
    assert.ok(isOperatorError(error));
    return error.code;
  };
  const text = Buffer.alloc(1000, 'x');

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(encoding, async () => {
      assert.deepEqual(await inflate(compress(text), { encoding, bytesMax: 1000 }), text);
      assert.equal(await codeOf(compress(Buffer.alloc(1001)), encoding), 'request.too_large');
      assert.equal(await codeOf(compress(Buffer.alloc(64 << 20)), encoding), 'request.too_large', 'a bomb');
      const body = compress(text);
      for (let length = 0; length < body.length; length++) {
        assert.equal(await codeOf(body.subarray(0, length), encoding), 'request.malformed', `${length}`);
      }
      assert.equal(await codeOf(Buffer.from('no such thing'), encoding), 'request.malformed');
    });
  }

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(`${encoding} in several pieces: all of them, within the limit of all`, async () => {
      const pieces = (...lengths: number[]) =>
        Buffer.concat(lengths.map((length) => compress(text.subarray(0, length))));
      assert.deepEqual(await inflate(pieces(400, 0, 600), { encoding, bytesMax: 1000 }), text);
      assert.equal(await codeOf(pieces(1000, 1), encoding), 'request.too_large');
      assert.equal(await codeOf(pieces(400, 600).subarray(0, -1), encoding), 'request.malformed');
      const junk = Buffer.concat([compress(text), Buffer.from('junk')]);
      assert.equal(await codeOf(junk, encoding), 'request.malformed');
    });
  }

  test('zstd in more pieces than anybody sends', async () => {
    const empty = zstdCompressSync('');
    const pieces = (count: number) => Buffer.concat(Array.from({ length: count }, () => empty));
    assert.equal((await inflate(pieces(1000), { encoding: 'zstd', bytesMax: 1000 })).length, 0);
    assert.equal(await codeOf(pieces(1001), 'zstd'), 'request.malformed');
  });

  test('others are refused', async () => assert.equal(await codeOf(text, 'br'), 'request.compression'));
});
