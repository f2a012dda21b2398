import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from './services.ts';

test('a port has the service of its transport', () => {
  assert.equal(serviceOf('tcp', 443), 'https');
  assert.equal(serviceOf('udp', 443), 'https');
  assert.equal(serviceOf('tcp', 5432), 'postgresql');
  assert.equal(serviceOf('udp', 5432), undefined);
  assert.equal(serviceOf('udp', 4789), 'vxlan');
  assert.equal(serviceOf('tcp', 0), undefined);
  assert.equal(serviceOf('tcp', 40_000), undefined);
});

test('names are few, and fit where words are wanted', () => {
  const names = Array.from({ length: 65_536 }, (_, port) => serviceOf('tcp', port) ?? serviceOf('udp', port));
  const known = names.filter((name) => name !== undefined);
  assert.ok(known.length > 100 && known.length < 200, String(known.length));
  for (const name of known) assert.match(name, /^[a-z0-9][a-z0-9-]{1,23}$/);
});
