import assert from 'node:assert/strict';
import { BlockList, isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import {
  addressFamily,
  formatAddress,
  formatNetwork,
  formatPrefix,
  isPublic,
  parseAddress,
} from './address.ts';
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

describe('addresses as text', () => {
  function parsed(text: string): DataView {
    const view = parseAddress(text);
    assert.ok(view, text);
    return view;
  }

  test('parsing is the reverse of formatting', () => {
    const random = prng(7);
    for (let i = 0; i < 2000; i++) {
      const view = new DataView(new ArrayBuffer(16));
      for (let at = 0; at < 8; at++) view.setUint16(2 * at, random.below(3) === 0 ? 0 : random.below(65_536));
      if (random.below(2) === 0) {
        view.setBigUint64(0, 0n);
        view.setUint32(8, 0xffff);
      }
      const text = formatAddress(view, 0);
      assert.equal(formatAddress(parsed(text), 0), text);
    }
  });

  test('other text is no address', () => {
    for (const text of ['', 'a', '10.0.0', '10.0.0.0/8', 'fe80::1%eth0', '::ffff:10.0.0.1', '1:2:3'])
      assert.equal(parseAddress(text), undefined, text);
  });

  test('the network of an address', () => {
    for (const [address, length, network] of [
      ['203.0.113.77', 24, '203.0.113.0/24'],
      ['203.0.113.77', 20, '203.0.112.0/20'],
      ['255.255.255.255', 9, '255.128.0.0/9'],
      ['2001:db8:1:2:3:4:5:6', 48, '2001:db8:1::/48'],
      ['2001:db8:1:ffff::1', 50, '2001:db8:1:c000::/50'],
      ['::1', 16, '::/16'],
    ] as const)
      assert.equal(formatNetwork(parsed(address), length), network);
  });

  test('which are public', () => {
    const inside =
      '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.1.1 172.16.0.1 172.31.255.255 192.168.1.1 224.0.0.251';
    for (const text of [
      ...inside.split(' '),
      '::',
      '::1',
      'fc00::1',
      'fdff::1',
      'fe80::1',
      'febf::1',
      'ff02::fb',
    ])
      assert.equal(isPublic(parsed(text)), false, text);
    const outside =
      '1.1.1.1 100.63.255.255 100.128.0.1 169.253.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.255.255.255';
    for (const text of [...outside.split(' '), '2001:db8::1', 'fbff::1', 'fec0::1'])
      assert.equal(isPublic(parsed(text)), true, text);
  });
});
