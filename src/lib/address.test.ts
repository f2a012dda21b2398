import assert from 'node:assert/strict';
import { BlockList, isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import { addressFamily, formatAddress, formatPrefix } from './address.ts';
import { prng } from './prng.ts';

/** Sixteen bytes from eight groups, laid at an offset that a wrong base would miss. */
const offset = 5;
function bytes(...groups: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(offset + 16));
  groups.forEach((group, i) => {
    view.setUint16(offset + 2 * i, group);
  });
  return view;
}

const mapped = (a: number, b: number, c: number, d: number): DataView =>
  bytes(0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d);

describe('formatAddress', () => {
  const cases: readonly (readonly [string, DataView])[] = [
    ['::', bytes(0, 0, 0, 0, 0, 0, 0, 0)],
    ['::1', bytes(0, 0, 0, 0, 0, 0, 0, 1)],
    ['1::', bytes(1, 0, 0, 0, 0, 0, 0, 0)],
    ['2001:db8::1', bytes(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)],
    // RFC 5952 4.2.2: one zero group is not shortened.
    ['2001:db8:0:1:1:1:1:1', bytes(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1)],
    // 4.2.3: the longest run; of equal ones the first.
    ['2001:0:0:1::1', bytes(0x2001, 0, 0, 1, 0, 0, 0, 1)],
    ['2001:db8::1:0:0:1', bytes(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)],
    // 4.1 and 4.3: no leading zeros, lower case.
    ['fe80::abcd:ef:9', bytes(0xfe80, 0, 0, 0, 0, 0xabcd, 0xef, 9)],
    ['1:2:3:4:5:6:7:8', bytes(1, 2, 3, 4, 5, 6, 7, 8)],
    ['0:1:2:3:4:5:6:7', bytes(0, 1, 2, 3, 4, 5, 6, 7)],
    ['10.0.0.1', mapped(10, 0, 0, 1)],
    ['255.255.255.255', mapped(255, 255, 255, 255)],
    ['0.0.0.0', mapped(0, 0, 0, 0)],
    // Near misses of a mapped address.
    ['::fffe:a00:1', bytes(0, 0, 0, 0, 0, 0xfffe, 0x0a00, 1)],
    ['::1:ffff:a00:1', bytes(0, 0, 0, 0, 1, 0xffff, 0x0a00, 1)],
    ['1::ffff:a00:1', bytes(1, 0, 0, 0, 0, 0xffff, 0x0a00, 1)],
  ];
  for (const [text, view] of cases) {
    test(text, () => assert.equal(formatAddress(view, offset), text));
  }

  test('means the same bytes to a parser, whatever the zeros', () => {
    const random = prng(5952);
    for (let round = 0; round < 500; round++) {
      const groups = Array.from({ length: 8 }, () => (random.below(2) === 0 ? 0 : random.below(0x10000)));
      const text = formatAddress(bytes(...groups), offset);
      const list = new BlockList();
      list.addAddress(groups.map((group) => group.toString(16)).join(':'), 'ipv6');
      assert.ok(list.check(text, isIPv6(text) ? 'ipv6' : 'ipv4'), `${text} is not ${groups.join(',')}`);
    }
  });
});

test('formatPrefix names the length by family', () => {
  assert.equal(formatPrefix(mapped(192, 0, 2, 0), offset), '192.0.2.0/24');
  assert.equal(formatPrefix(bytes(0x2001, 0xdb8, 7, 0, 0, 0, 0, 0), offset), '2001:db8:7::/48');
});

test('addressFamily knows no address from 0.0.0.0', () => {
  assert.equal(addressFamily(bytes(0, 0, 0, 0, 0, 0, 0, 0), offset), undefined);
  assert.equal(addressFamily(bytes(0, 0, 0, 0, 0, 0, 0, 1), offset), 'ipv6');
  assert.equal(addressFamily(mapped(0, 0, 0, 0), offset), 'ipv4');
});
