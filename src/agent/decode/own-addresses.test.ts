import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../lib/address.ts';
import { prng } from '../../lib/prng.ts';
import { addressMessages } from './own-addresses.ts';

function attribute(type: number, value: readonly number[]): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, Buffer.from(value), Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function message(type: number, family: number, ...attributes: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([family, 24, 0, 0, 2, 0, 0, 0]), ...attributes]);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + body.length, 0);
  head.writeUInt16LE(type, 4);
  return Buffer.concat([head, body]);
}

function parse(...messages: readonly Buffer[]): string[] {
  const bytes = Buffer.concat(messages);
  const found = addressMessages.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return found.map((view) => formatAddress(view, 0));
}

const v6 = [0xfd, ...Array<number>(14).fill(0), 9];

test('both families; of a point-to-point link this side; each once', () => {
  const label = attribute(3, [0x65, 0x74, 0x68, 0x30, 0]);
  const plain = message(20, 2, attribute(1, [10, 0, 0, 9]), attribute(2, [10, 0, 0, 9]), label);
  const tunnel = message(20, 2, attribute(1, [10, 0, 0, 1]), attribute(2, [10, 0, 0, 2]));
  const six = message(20, 10, attribute(1, v6));
  const done = message(3, 0);
  assert.deepEqual(parse(plain, tunnel, six, plain, done), ['10.0.0.9', '10.0.0.2', 'fd00::9']);
});

test('other messages, other families, and what has no address are left', () => {
  const other = message(24, 2, attribute(1, [10, 0, 0, 9]));
  const strange = message(20, 7, attribute(1, [10, 0, 0, 9]));
  const short = message(20, 2, attribute(1, [10, 0, 0]));
  assert.deepEqual(parse(other, strange, short, message(20, 2)), []);
});

test('damage at any byte ends the reading, and no more', () => {
  const random = prng(1);
  const whole = Buffer.concat([
    message(20, 2, attribute(2, [10, 0, 0, 9])),
    message(20, 10, attribute(1, v6)),
    message(20, 2, attribute(2, [10, 0, 0, 8])),
  ]);
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(whole.subarray(0, random.below(whole.length + 1)));
    if (bytes.length > 0) bytes.writeUInt8(random.below(256), random.below(bytes.length));
    assert.ok(parse(bytes).length <= 3);
  }
});
