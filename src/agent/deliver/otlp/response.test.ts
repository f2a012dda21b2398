import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { readResponse } from './response.ts';

const signals = [
  {
    rejected: 'rejectedLogRecords',
    deserialize: (body: Uint8Array) => ProtobufLogsSerializer.deserializeResponse(body),
  },
  {
    rejected: 'rejectedDataPoints',
    deserialize: (body: Uint8Array) => ProtobufMetricsSerializer.deserializeResponse(body),
  },
] as const;

for (const signal of signals)
  describe(`a receiver\u2019s answer with ${signal.rejected}`, () => {
    const read = (body: Buffer, isJson: boolean) => readResponse(body, { ...signal, isJson });
    const json = (value: unknown) => read(Buffer.from(JSON.stringify(value)), true);

    test('partial success, as JSON and as protobuf', () => {
      const partialSuccess = { [signal.rejected]: '3', errorMessage: 'too old' };
      assert.deepEqual(json({ partialSuccess }), { rejected: 3, message: 'too old' });
      const protobuf = Buffer.from([0x0a, 0x0b, 0x08, 0x03, 0x12, 0x07, ...Buffer.from('too old')]);
      assert.deepEqual(read(protobuf, false), { rejected: 3, message: 'too old' });
    });

    test('anything else means that all was taken', () => {
      const all = { rejected: 0, message: '' };
      const negative = { partialSuccess: { [signal.rejected]: -1 } };
      for (const value of [{}, null, [], { partialSuccess: null }, negative])
        assert.deepEqual(json(value), all);
      for (const isJson of [true, false])
        for (const body of ['', '<html>', '\u0000']) assert.deepEqual(read(Buffer.from(body), isJson), all);
    });
  });
