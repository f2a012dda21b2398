import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../lib/address.ts';
import { manualClock } from '../../lib/clock.ts';
import { openOwnAddresses, ownAddressLimits } from './own-addresses.ts';

function view(ip: string): DataView {
  const bytes = parseAddress(ip);
  assert.ok(bytes, ip);
  return bytes;
}

/** Namespaces by inode, how often each was asked, and time. */
function opened(namespaces: Map<number, readonly string[]>, cut = false) {
  const clock = manualClock();
  const asked: number[] = [];
  const own = openOwnAddresses({
    clock,
    ask(inode) {
      asked.push(inode);
      const ips = namespaces.get(inode);
      return Promise.resolve(ips && { found: ips.map(view), cut });
    },
  });
  return { clock, asked, own };
}

test('addresses that other nodes have as well are none of its own', async () => {
  const all = [
    '127.0.0.1',
    '::1',
    'fe80::1',
    '169.254.7.7',
    '10.0.0.9',
    '203.0.113.9',
    'fd00::9',
    '2001:db8::9',
  ];
  const { own } = opened(new Map([[7, all]]));
  assert.deepEqual(await own.look([7]), [
    { netns: 7, ip: '10.0.0.9', family: 'ipv4', scope: 'private' },
    { netns: 7, ip: '203.0.113.9', family: 'ipv4', scope: 'public' },
    { netns: 7, ip: 'fd00::9', family: 'ipv6', scope: 'private' },
    { netns: 7, ip: '2001:db8::9', family: 'ipv6', scope: 'public' },
  ]);
});

test('a namespace is looked at when it is new, then every half minute, and forgotten with it', async () => {
  const namespaces = new Map([[7, ['10.0.0.7']]]);
  const { own, asked, clock } = opened(namespaces);
  const ips = async (...inodes: number[]) => (await own.look(inodes)).map(({ ip }) => ip);
  assert.deepEqual(await ips(7), ['10.0.0.7']);
  namespaces.set(8, ['10.0.0.8']);
  assert.deepEqual(await ips(7, 8), ['10.0.0.7', '10.0.0.8']);
  namespaces.set(7, ['10.0.0.17']);
  assert.deepEqual(await ips(7, 8), ['10.0.0.7', '10.0.0.8']);
  await clock.advance(ownAddressLimits.lookMs);
  assert.deepEqual(await ips(7, 8), ['10.0.0.17', '10.0.0.8']);
  assert.deepEqual(asked, [7, 8, 7, 8]);
  assert.deepEqual(await ips(8), ['10.0.0.8']);
  assert.deepEqual(await ips(7, 8), ['10.0.0.17', '10.0.0.8']);
  assert.deepEqual(asked, [7, 8, 7, 8, 7]);
});

test('what is too much is left, and counted', async () => {
  const many = Array.from({ length: 3000 }, (_, i) => `10.1.${String(i >> 8)}.${String(i & 255)}`);
  const { own } = opened(
    new Map([
      [7, many],
      [8, many],
    ]),
    true,
  );
  assert.equal((await own.look([7, 8])).length, ownAddressLimits.addressesMax);
  assert.deepEqual(own.losses(), { 'enrich.addresses_cut': 2 + 6000 - ownAddressLimits.addressesMax });
});
