import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kernelTypes } from '../../test/kernel-types.ts';
import { parseBtf } from './btf.ts';

const littleEndian = true;

/** A BTF blob by hand: types as rows of 32-bit words, the first of each a name's offset into `strings`. */
function btf(
  types: readonly (readonly number[])[],
  strings: string,
  change: { magic?: number } = {},
): ArrayBuffer {
  const words = types.flat();
  const text = new TextEncoder().encode(strings);
  const view = new DataView(new ArrayBuffer(24 + 4 * words.length + text.length));
  view.setUint16(0, change.magic ?? 0xeb9f, littleEndian);
  view.setUint8(2, 1);
  [24, 0, 4 * words.length, 4 * words.length, text.length].forEach((word, i) => {
    view.setUint32(4 + 4 * i, word, littleEndian);
  });
  words.forEach((word, i) => {
    view.setUint32(24 + 4 * i, word, littleEndian);
  });
  new Uint8Array(view.buffer).set(text, 24 + 4 * words.length);
  return view.buffer;
}

const info = (kind: number, entries = 0): number => ((kind << 24) | entries) >>> 0;

/**
 *   1: u32   2: const u32   3: u16[3][2]   4: u16
 *   5: struct s { const u32 a; u16 b[3][2]; void *c; }   6: pointer to void
 *   7: enum state { STATE_OPEN = 0, STATE_TIMED_OUT = 2, OTHER = 1 }
 *   8: variable limit   9: .rodata { limit at 4, 4 bytes }
 */
const strings = '\0u32\0u16\0s\0a\0b\0c\0state\0STATE_OPEN\0STATE_TIMED_OUT\0OTHER\0limit\0.rodata\0';
const at = (name: string): number => strings.indexOf(`\0${name}\0`) + 1;
const sample = [
  [at('u32'), info(1), 4, 32],
  [0, info(10), 1],
  [0, info(3), 0, 10, 1, 2],
  [at('u16'), info(1), 2, 16],
  [at('s'), info(4, 3), 24, at('a'), 2, 0, at('b'), 3, 32, at('c'), 6, 128],
  [0, info(2), 0],
  [at('state'), info(6, 3), 4, at('STATE_OPEN'), 0, at('STATE_TIMED_OUT'), 2, at('OTHER'), 1],
  [at('limit'), info(14), 1, 1],
  [at('.rodata'), info(15, 1), 8, 8, 4, 4],
  [0, info(3), 0, 4, 1, 3],
];

describe('parseBtf on types made by hand', () => {
  const types = parseBtf(btf(sample, strings));

  test('fields through qualifiers, pointers and nested arrays', () => {
    const layout = types.layout('s');
    assert.equal(layout.name, 's');
    assert.equal(layout.size, 24);
    assert.deepEqual(layout.field('a'), { offset: 0, size: 4, count: 1 });
    assert.deepEqual(layout.field('b'), { offset: 4, size: 2, count: 6 });
    assert.deepEqual(layout.field('c'), { offset: 16, size: 8, count: 1 });
  });

  test('enumerators by value, of that prefix only', () => {
    const words = types.words('state', 'STATE_');
    assert.equal(words.length, 3);
    assert.equal(words[0], 'open');
    assert.equal(words[1], undefined);
    assert.equal(words[2], 'timed_out');
  });

  test('a variable in its section', () => {
    assert.deepEqual(types.section('.rodata', 'limit'), { offset: 4, size: 4 });
  });

  test('what is not there is named', () => {
    assert.throws(() => types.layout('t'), /^Error: BTF has no struct t$/);
    assert.throws(() => types.layout('state'), /BTF has no struct state/);
    assert.throws(() => types.layout('s').field('d'), /^Error: struct s has no field d$/);
    assert.throws(() => types.words('s', ''), /BTF has no enum s/);
    assert.throws(() => types.section('.rodata', 'other'), /BTF has no variable other in \.rodata/);
    assert.throws(() => types.section('.bss', 'limit'), /BTF has no variable limit in \.bss/);
  });
});

describe('parseBtf on broken bytes', () => {
  test('what is not BTF, or of the other byte order, is refused', () => {
    assert.throws(() => parseBtf(new ArrayBuffer(0)), /not BTF/);
    assert.throws(() => parseBtf(new ArrayBuffer(64)), /not BTF/);
    assert.throws(() => parseBtf(btf(sample, strings).slice(0, 23)), /not BTF/);
    assert.throws(() => parseBtf(btf(sample, strings, { magic: 0x9feb })), /not BTF/);
  });

  test('cut anywhere, it throws', () => {
    const whole = btf(sample, strings);
    for (let length = 24; length < whole.byteLength; length++) {
      assert.throws(() => parseBtf(whole.slice(0, length)), /BTF is cut short/, `cut to ${length} bytes`);
    }
  });

  test('a field whose type is not there is named', () => {
    const types = parseBtf(btf([[at('s'), info(4, 1), 4, at('a'), 99, 0]], strings));
    assert.throws(() => types.layout('s'), /BTF has no type 99/);
  });

  test('a type that is made of itself does not hang', () => {
    const types = parseBtf(
      btf(
        [
          [at('s'), info(4, 1), 4, at('a'), 2, 0],
          [0, info(10), 2],
        ],
        strings,
      ),
    );
    assert.throws(() => types.layout('s'));
  });
});

describe('parseBtf on the object of the kernel programs', () => {
  const types = kernelTypes();

  test('layouts as bpf/include/records.h asserts and draws them', () => {
    const key = types.layout('flow_key');
    assert.equal(key.size, 48);
    assert.deepEqual(key.field('netns'), { offset: 0, size: 4, count: 1 });
    assert.deepEqual(key.field('direction'), { offset: 8, size: 1, count: 1 });
    assert.deepEqual(key.field('service_port'), { offset: 14, size: 2, count: 1 });
    assert.deepEqual(key.field('destination'), { offset: 32, size: 1, count: 16 });
    assert.equal(types.layout('owner_key').size, 40);
    assert.deepEqual(types.layout('owner_key').field('comm'), { offset: 24, size: 1, count: 16 });
    assert.deepEqual(types.layout('owner').field('path'), { offset: 72, size: 1, count: 320 });
    assert.deepEqual(types.layout('flow').field('latency'), { offset: 192, size: 4, count: 108 });
  });

  test('words of the record come from the enumerators', () => {
    assert.deepEqual(types.words('reset_side', 'RESET_'), ['none', 'local', 'remote', 'admin']);
    assert.deepEqual(types.words('moment', 'MOMENT_'), ['established', 'ended']);
  });

  test('the knob that the agent sets is in .rodata', () => {
    assert.equal(types.section('.rodata', 'flows_max').size, 4);
  });
});
