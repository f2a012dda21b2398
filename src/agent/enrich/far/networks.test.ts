import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, formatNetwork, parseAddress } from '../../../lib/address.ts';
import { prng, type Prng } from '../../../lib/prng.ts';
import { networkProblem, type NetworkEntry } from './config.ts';
import { networksOf, zoneOfNode } from './networks.ts';

function open(entries: readonly NetworkEntry[]) {
  const networks = networksOf(entries);
  return (ip: string, lengthMax?: number) =>
    networks.at(parseAddress(ip) ?? new DataView(new ArrayBuffer(16)), lengthMax);
}

const few: readonly NetworkEntry[] = [
  { cidr: '0.0.0.0/0', zone: 'internet' },
  { cidr: '10.0.0.0/8', zone: 'on-prem' },
  { cidr: '10.20.0.0/16', name: 'payments-db' },
  { cidr: '10.20.1.0/24', zone: 'cloud' },
  { cidr: '10.20.1.7/32', name: 'the-one' },
  { cidr: 'fd00::/8', name: 'six', zone: 'partner' },
];

test('the longest prefix wins, for the name and for the zone', () => {
  const at = open(few);
  assert.deepEqual(at('10.1.1.1'), { zone: 'on-prem' });
  assert.deepEqual(at('10.20.0.1'), { name: 'payments-db', zone: 'on-prem' });
  assert.deepEqual(at('10.20.1.1'), { name: 'payments-db', zone: 'cloud' });
  assert.deepEqual(at('10.20.1.7'), { name: 'the-one', zone: 'cloud' });
  assert.deepEqual(at('192.0.2.1'), { zone: 'internet' });
  assert.deepEqual(at('fd12::1'), { name: 'six', zone: 'partner' });
  assert.deepEqual(at('2001:db8::1'), {});
  assert.deepEqual(at('::'), {});
  assert.deepEqual(at('10.20.1.0', 24), { name: 'payments-db', zone: 'cloud' });
  assert.deepEqual(at('10.20.1.0', 23), { name: 'payments-db', zone: 'on-prem' });
});

test('the node is where its addresses are, if that is one place', () => {
  const networks = networksOf(few.slice(1));
  assert.equal(zoneOfNode(new Set(['10.1.1.1', '127.0.0.1', '10.2.2.2']), networks), 'on-prem');
  assert.equal(zoneOfNode(new Set(['10.1.1.1', 'fd00::1']), networks), undefined);
  assert.equal(zoneOfNode(new Set(['192.0.2.1']), networks), undefined);
});

/** Few bits differ, so that networks lie in each other and addresses in networks. */
function address(random: Prng): string {
  const view =
    parseAddress(random.below(2) === 0 ? '10.0.0.0' : 'fd00::') ?? new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 5; i++) {
    const at = 13 + random.below(3);
    view.setUint8(at, view.getUint8(at) | (1 << random.below(8)));
  }
  return formatAddress(view, 0);
}

function bitsOf(ip: string): string {
  const view = parseAddress(ip) ?? new DataView(new ArrayBuffer(0));
  const bytes = Array.from({ length: 16 }, (_, i) => view.getUint8(i).toString(2).padStart(8, '0'));
  return ip.includes(':') ? bytes.join('') : bytes.slice(12).join('');
}

function entry(random: Prng): NetworkEntry {
  const ip = address(random);
  const length = random.below(ip.includes(':') ? 129 : 33);
  const cidr = formatNetwork(parseAddress(ip) ?? new DataView(new ArrayBuffer(0)), length);
  const which = random.below(3);
  return {
    cidr,
    ...(which === 0 ? {} : { name: `n${String(random.uint32())}` }),
    ...(which === 1 ? {} : { zone: `z${String(random.uint32())}` }),
  };
}

/** Tries them all. */
function tried(entries: readonly NetworkEntry[], ip: string) {
  const holding = entries
    .filter(({ cidr }) => cidr.includes(':') === ip.includes(':'))
    .filter(({ cidr }) => {
      const [network = '', length = ''] = cidr.split('/');
      return bitsOf(network).slice(0, Number(length)) === bitsOf(ip).slice(0, Number(length));
    })
    .sort((a, b) => Number(b.cidr.split('/')[1]) - Number(a.cidr.split('/')[1]));
  const name = holding.find((of) => of.name !== undefined)?.name;
  const zone = holding.find((of) => of.zone !== undefined)?.zone;
  return { ...(name === undefined ? {} : { name }), ...(zone === undefined ? {} : { zone }) };
}

test('the same as trying all networks', () => {
  let named = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = prng(seed);
    const all = Array.from({ length: 200 }, () => entry(random));
    const entries = [...new Map(all.map((of) => [of.cidr, of])).values()];
    for (const { cidr } of entries) assert.equal(networkProblem(cidr), undefined);
    const at = open(entries);
    for (let i = 0; i < 100; i++) {
      const ip = address(random);
      const expected = tried(entries, ip);
      assert.deepEqual(at(ip), expected, `seed ${String(seed)}: ${ip}`);
      if (expected.name !== undefined) named++;
    }
  }
  assert.ok(named > 1000, String(named));
});
