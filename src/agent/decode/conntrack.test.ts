import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../lib/prng.ts';
import { parseTranslations } from './conntrack.ts';

const bytes = (...of: readonly (number | Buffer)[]): Buffer =>
  Buffer.concat(of.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

const nested = (type: number, ...of: readonly Buffer[]): Buffer =>
  attribute(0x8000 | type, Buffer.concat(of));

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

interface End {
  readonly ip: Buffer;
  readonly port: number;
}

function tuple(type: number, { from, to, protocol }: { from: End; to: End; protocol: number }): Buffer {
  const six = from.ip.length === 16;
  return nested(
    type,
    nested(1, attribute(six ? 3 : 1, from.ip), attribute(six ? 4 : 2, to.ip)),
    nested(2, attribute(1, bytes(protocol)), attribute(2, u16(from.port)), attribute(3, u16(to.port))),
  );
}

function message(type: number, ...attributes: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([2, 0, 0, 0]), ...attributes]);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + body.length, 0);
  head.writeUInt16LE(type, 4);
  return Buffer.concat([head, body]);
}

const v4 = (last: number, port: number): End => ({ ip: bytes(10, 0, 0, last), port });
const v6 = (last: number, port: number): End => ({ ip: bytes(0xfd, Buffer.alloc(14), last), port });

function entry(
  ends: { client: End; asked: End; real: End },
  { protocol = 6, status = 0x1a8 }: { protocol?: number; status?: number } = {},
): Buffer {
  const { client, asked, real } = ends;
  return message(
    0x100,
    tuple(1, { from: client, to: asked, protocol }),
    tuple(2, { from: real, to: client, protocol }),
    attribute(3, bytes(0, 0, u16(status))),
    attribute(12, Buffer.alloc(4)),
  );
}

const parse = (of: Buffer) => parseTranslations(new Uint8Array(of).buffer);
const four = { client: v4(1, 40_000), asked: v4(2, 80), real: v4(3, 8080) };
const six = { client: v6(1, 40_000), asked: v6(2, 53), real: v6(3, 5353) };

test('where it was to go, and where it went', () => {
  const all = bytes(entry(four), entry(six, { protocol: 17 }), message(3));
  assert.deepEqual(parse(all), [
    { transport: 'tcp', ip: '10.0.0.2', port: 80, translated: { ip: '10.0.0.3', port: 8080 } },
    { transport: 'udp', ip: 'fd00::2', port: 53, translated: { ip: 'fd00::3', port: 5353 } },
  ]);
});

test('what is tracked and not translated is none, nor is another protocol', () => {
  assert.deepEqual(parse(bytes(entry(four, { status: 0x188 }), entry(four, { protocol: 1 }))), []);
});

test('hostile bytes never throw', () => {
  const random = prng(5);
  const seed = bytes(entry(four), entry(six), entry(four));
  let found = 0;
  for (let round = 0; round < 20_000; round++) {
    const of = Buffer.from(seed);
    for (let i = 0; i <= random.below(8); i++) of[random.below(of.length)] = random.below(256);
    found += parse(of.subarray(0, of.length - (random.below(2) === 0 ? random.below(of.length) : 0))).length;
  }
  assert.ok(found > 1000, String(found));
});
