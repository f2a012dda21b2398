import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prng } from '../../lib/prng.ts';
import { dnsMessageLimits, parseDnsMessage } from './dns-message.ts';

/** Text as bytes, numbers as one byte each. */
function bytes(...parts: readonly (string | number | readonly number[])[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part].flat()),
    ),
  );
}

function name(text: string): Buffer {
  const labels = text === '' ? [] : text.split('.');
  return Buffer.concat([...labels.map((label) => bytes(label.length, label)), bytes(0)]);
}

const u16 = (value: number): number[] => [value >> 8, value & 255];

interface Head {
  readonly flags?: number;
  readonly counts?: readonly [number, number, number, number];
}

function message({ flags = 0x0100, counts = [1, 0, 0, 0] }: Head, ...body: readonly Buffer[]): Buffer {
  return Buffer.concat([bytes(u16(0x1234), u16(flags), counts.flatMap(u16)), ...body]);
}

function question(text: string, type = 1): Buffer {
  return Buffer.concat([name(text), bytes(u16(type), u16(1))]);
}

function record(owner: Buffer, type: number, data: Buffer, ttl = 60): Buffer {
  const time = Buffer.alloc(4);
  time.writeUInt32BE(ttl);
  return Buffer.concat([owner, bytes(u16(type), u16(1)), time, bytes(u16(data.length)), data]);
}

/** Behind other bytes and before others, as in the ring. */
function parse(of: Buffer, captured = of.length) {
  const around = Buffer.concat([Buffer.alloc(24, 0xc0), of, Buffer.alloc(24, 0x3f)]);
  const view = new DataView(around.buffer, around.byteOffset, around.length);
  return parseDnsMessage(view, 24, captured);
}

const pointer = (to: number): Buffer => bytes(0xc0, to);
const atQuestion = 12;

describe('a message', () => {
  test('that asks', () => {
    assert.deepEqual(parse(message({}, question('www.Example.COM', 28))), {
      id: 0x1234,
      response: false,
      truncated: false,
      rcode: 'NOERROR',
      questions: [{ name: 'www.example.com', type: 'AAAA' }],
      answers: [],
    });
  });

  test('that answers, with names that point back', () => {
    const answered = message(
      { flags: 0x8180, counts: [1, 3, 0, 0] },
      question('www.example.com'),
      record(pointer(atQuestion), 5, Buffer.concat([bytes(4, 'edge'), pointer(16)]), 300),
      record(Buffer.concat([bytes(4, 'edge'), pointer(16)]), 1, bytes([192, 0, 2, 1]), 20),
      record(pointer(atQuestion), 28, bytes([0x20, 1, 0xd, 0xb8], Array<number>(11).fill(0), 1), 30),
    );
    assert.deepEqual(parse(answered)?.answers, [
      { name: 'www.example.com', type: 'CNAME', ttlSeconds: 300, target: 'edge.example.com' },
      { name: 'edge.example.com', type: 'A', ttlSeconds: 20, address: '192.0.2.1' },
      { name: 'www.example.com', type: 'AAAA', ttlSeconds: 30, address: '2001:db8::1' },
    ]);
    assert.equal(parse(answered)?.response, true);
  });

  test('types by name, unknown ones by number', () => {
    const typeOf = (type: number) => parse(message({}, question('a', type)))?.questions[0]?.type;
    const known = [1, 28, 5, 64, 65, 12, 33, 15, 16, 65_280].map(typeOf);
    assert.deepEqual(known, ['A', 'AAAA', 'CNAME', 'SVCB', 'HTTPS', 'PTR', 'SRV', 'MX', 'TXT', 'TYPE65280']);
  });

  test('response codes by name, unknown ones by number, the high bits from OPT', () => {
    const codeOf = (code: number) => parse(message({ flags: 0x8000 | code }, question('a')))?.rcode;
    assert.deepEqual([0, 2, 3, 5, 12].map(codeOf), ['NOERROR', 'SERVFAIL', 'NXDOMAIN', 'REFUSED', 'RCODE12']);
    const opt = record(name(''), 41, Buffer.alloc(0), 0x0100_0000);
    const extended = message({ flags: 0x8000, counts: [1, 0, 0, 1] }, question('a'), opt);
    assert.equal(parse(extended)?.rcode, 'BADVERS');
  });

  test('truncated by its sender, or cut by the copy: what is whole is read', () => {
    const first = record(pointer(atQuestion), 1, bytes([192, 0, 2, 1]));
    const two = message({ flags: 0x8380, counts: [1, 2, 0, 0] }, question('a.example'), first, first);
    assert.equal(parse(two)?.truncated, true);
    assert.equal(parse(two)?.answers.length, 2);
    for (let cut = 1; cut <= first.length; cut++)
      assert.equal(parse(two, two.length - cut)?.answers.length, 1);
    assert.equal(parse(two, 12 + 8), undefined, 'its question is not whole');
  });

  test('without a question, or with several', () => {
    assert.deepEqual(parse(message({ counts: [0, 0, 0, 0] }))?.questions, []);
    const { questionsMax } = dnsMessageLimits;
    const many = (count: number) =>
      message({ counts: [count, 0, 0, 0] }, ...Array.from({ length: count }, (_, i) => question(`q${i}`)));
    assert.equal(parse(many(questionsMax))?.questions.length, questionsMax);
    assert.equal(parse(many(questionsMax + 1)), undefined);
  });
});

describe('a name', () => {
  const nameOf = (of: Buffer) => parse(message({}, of, bytes(u16(1), u16(1))))?.questions[0]?.name;

  test('of the root is a dot; what is not printable, a dot or a backslash in a label is escaped', () => {
    assert.equal(nameOf(name('')), '.');
    assert.equal(nameOf(bytes(6, [0x1b, 0x5b], 'A.\\', 0xe9, 0)), '\\027[a\\.\\\\\\233');
    assert.match(nameOf(bytes(4, [0, 0x20, 0x7f, 0xff], 0)) ?? '', /^\\000\\032\\127\\255$/);
  });

  test('points backwards, and not in circles', () => {
    assert.equal(nameOf(pointer(12)), undefined, 'at itself');
    assert.equal(nameOf(Buffer.concat([bytes(1, 'a'), pointer(12)])), undefined, 'at its own begin');
    assert.equal(nameOf(pointer(40)), undefined, 'forwards');
    assert.equal(nameOf(bytes(0xc0)), undefined, 'half of one');
    assert.notEqual(nameOf(pointer(11)), 'never', 'into the header, which is some bytes');
  });

  test('is at most 255 bytes long, its labels 63', () => {
    const label = bytes(63, 'x'.repeat(63));
    const long = (rest: number) =>
      Buffer.concat([label, label, label, bytes(rest, 'y'.repeat(rest)), bytes(0)]);
    assert.equal(nameOf(long(61))?.length, 3 * 64 + 61);
    assert.equal(nameOf(long(62)), undefined);
    assert.equal(nameOf(bytes(0x40, 'x'.repeat(64), 0)), undefined);
  });

  test('is followed through so many pointers, and no more', () => {
    const { pointersMax } = dnsMessageLimits;
    const asked = question('');
    const dataAt = 12 + asked.length + 1 + 10;
    const pointerTo = (at: number) => bytes(u16(0xc000 | at));
    /** Two zeros, then pointers that each point at the one before. */
    const chain = [bytes(0, 0), ...Array.from({ length: pointersMax }, (_, i) => pointerTo(dataAt + 2 * i))];
    const ownerOf = (pointers: number) => {
      const owner = pointerTo(dataAt + 2 * (pointers - 1));
      const records = [record(name(''), 16, Buffer.concat(chain)), record(owner, 1, bytes([192, 0, 2, 1]))];
      return parse(message({ flags: 0x8000, counts: [1, 2, 0, 0] }, asked, ...records))?.answers[1]?.name;
    };
    assert.equal(ownerOf(pointersMax), '.');
    assert.equal(ownerOf(pointersMax + 1), undefined);
  });
});

test('hostile bytes never throw, and never make more than there is room for', () => {
  const random = prng(53);
  const seed = message(
    { flags: 0x8180, counts: [1, 2, 1, 1] },
    question('www.example.com'),
    record(pointer(atQuestion), 1, bytes([192, 0, 2, 1])),
    record(pointer(atQuestion), 5, Buffer.concat([bytes(4, 'edge'), pointer(16)])),
    record(name(''), 41, Buffer.alloc(0)),
  );
  let parsed = 0;
  for (let round = 0; round < 50_000; round++) {
    const of = random.below(4) === 0 ? Buffer.alloc(random.below(512)) : Buffer.from(seed);
    const changes = of.length === 0 ? 0 : 1 + random.below(16);
    for (let i = 0; i < changes; i++) of[random.below(of.length)] = random.below(256);
    const found = parse(of, random.below(3) === 0 ? random.below(of.length + 1) : of.length);
    if (!found) continue;
    parsed++;
    assert.ok(found.questions.length <= dnsMessageLimits.questionsMax);
    assert.ok(found.answers.length <= dnsMessageLimits.recordsMax);
    const targets = found.answers.flatMap(({ target }) => target ?? []);
    for (const said of [...[...found.questions, ...found.answers].map((of) => of.name), ...targets]) {
      assert.ok(said.length <= 4 * dnsMessageLimits.nameBytesMax);
      assert.match(said, /^[!-~]+$/, 'printable ASCII, and no space');
    }
  }
  assert.ok(parsed > 1000, `${parsed} were messages all the same`);
});
