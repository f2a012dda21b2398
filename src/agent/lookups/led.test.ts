import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer } from '../../model/dns.ts';
import { ledTo } from './led.ts';

const alias = (name: string, target: string, ttlSeconds = 60): DnsAnswer => ({
  name,
  type: 'CNAME',
  ttlSeconds,
  target,
});
const a = (name: string, address: string, ttlSeconds = 60): DnsAnswer => ({
  name,
  type: 'A',
  ttlSeconds,
  address,
});

test('its own addresses', () => {
  assert.deepEqual(ledTo('x', [a('x', '192.0.2.1', 5), a('x', '192.0.2.2', 7)]), [
    { address: '192.0.2.1', ttlSeconds: 5 },
    { address: '192.0.2.2', ttlSeconds: 7 },
  ]);
});

test('those at the end of a chain, with the shortest time to live on the way, in any order', () => {
  const chain = [alias('x', 'y', 30), alias('y', 'z', 300), a('z', '192.0.2.1', 90)];
  for (const answers of [chain, chain.toReversed()])
    assert.deepEqual(ledTo('x', answers), [{ address: '192.0.2.1', ttlSeconds: 30 }]);
});

test('none of a name that nothing leads to', () => {
  assert.deepEqual(ledTo('x', [a('bank', '192.0.2.1'), alias('q', 'bank'), a('x', '192.0.2.2')]), [
    { address: '192.0.2.2', ttlSeconds: 60 },
  ]);
});

test('a circle ends', () => {
  assert.deepEqual(ledTo('x', [alias('x', 'y'), alias('y', 'x'), a('y', '192.0.2.1')]), [
    { address: '192.0.2.1', ttlSeconds: 60 },
  ]);
});
