import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import { describe, test } from 'node:test';
import { prng } from '../lib/prng.ts';
import { networkRange } from './network.ts';

describe('networkRange', () => {
  const ranges: readonly (readonly [text: string, first: string, last: string])[] = [
    ['', '0:0:0:0:0:0:0:0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['10.1.2.3', '0:0:0:0:0:ffff:a01:203', '0:0:0:0:0:ffff:a01:203'],
    ['10.1.2.3/8', '0:0:0:0:0:ffff:a00:0', '0:0:0:0:0:ffff:aff:ffff'],
    ['0.0.0.0/0', '0:0:0:0:0:ffff:0:0', '0:0:0:0:0:ffff:ffff:ffff'],
    ['2001:db8::/33', '2001:db8:0:0:0:0:0:0', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
    ['::1', '0:0:0:0:0:0:0:1', '0:0:0:0:0:0:0:1'],
    ['::ffff:10.0.0.1', '0:0:0:0:0:ffff:a00:1', '0:0:0:0:0:ffff:a00:1'],
    ['FE80::A/128', 'fe80:0:0:0:0:0:0:a', 'fe80:0:0:0:0:0:0:a'],
  ];
  for (const [text, first, last] of ranges) {
    test(text || 'all', () => assert.deepEqual(networkRange(text), { first, last }));
  }

  for (const text of [
    '10.0.0',
    '10.0.0.0/33',
    '::/129',
    'web-1',
    '10.0.0.1/',
    ' 10.0.0.1',
    '1::2::3',
    '/8',
  ]) {
    test(`${text} is none`, () => assert.equal(networkRange(text), undefined));
  }

  test('holds the same addresses as node:net says', () => {
    const chance = prng(7);
    for (let i = 0; i < 500; i++) {
      const octets = (): string =>
        [chance.below(3), chance.below(256), chance.below(2), chance.below(256)].join('.');
      const [network, address, bits] = [octets(), octets(), chance.below(33)];
      assert.ok(isIPv4(network));
      const list = new BlockList();
      list.addSubnet(network, bits);
      const low = (text = ''): number =>
        parseInt(
          text
            .split(':')
            .slice(6)
            .map((g) => g.padStart(4, '0'))
            .join(''),
          16,
        );
      const range = networkRange(`${network}/${bits}`);
      const value = low(networkRange(address)?.first);
      assert.equal(low(range?.first) <= value && value <= low(range?.last), list.check(address), network);
    }
  });
});
