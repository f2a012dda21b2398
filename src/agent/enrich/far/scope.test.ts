import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DestinationScope } from '../../../model/far.ts';
import { parseAddress } from '../../../lib/address.ts';
import { ownAddresses, scopeOf } from './scope.ts';

function scope(ip: string, own: ReadonlySet<string>): string | undefined {
  const view = parseAddress(ip);
  assert.ok(view, ip);
  return scopeOf(ip, view, own);
}

const own = new Set(['192.168.7.9', '203.0.113.9', '2001:db8:7::9', '127.0.0.1', '::1']);

const table: Readonly<Partial<Record<DestinationScope, readonly string[]>>> = {
  loopback: ['127.0.0.1', '127.255.255.254', '127.0.0.53', '::1'],
  node: [...own].filter((ip) => !['127.0.0.1', '::1'].includes(ip)),
  metadata: ['169.254.169.254', 'fd00:ec2::254'],
  link_local: ['169.254.0.1', '169.254.169.253', '169.254.255.255', 'fe80::1', 'febf::1'],
  multicast: ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::fb', 'ff0e::1'],
  private: [
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '100.127.255.255',
    'fc00::1',
    'fdff::1',
    'fd00:ec2::253',
  ],
  public: [
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.1',
    '126.1.1.1',
    '128.0.0.1',
    '169.253.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '192.169.1.1',
    '223.255.255.255',
    '2606:4700::1',
    'fbff::1',
  ],
};

for (const [expected, addresses] of Object.entries(table)) {
  test(`${expected}: ${addresses.join(', ')}`, () => {
    for (const ip of addresses) assert.equal(scope(ip, own), expected, ip);
  });
}

test('the unspecified address is nowhere', () => {
  for (const ip of ['0.0.0.0', '::']) assert.equal(scope(ip, own), undefined, ip);
});

test('own addresses are those of the interfaces, the loopback one among them', () => {
  const found = ownAddresses();
  assert.ok(found.has('127.0.0.1'), [...found].join(' '));
  for (const ip of found) assert.match(scope(ip, found) ?? '', /^(loopback|node)$/, ip);
});
