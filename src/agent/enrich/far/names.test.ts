import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addressNames, nameLimits } from './names.ts';

const curl = { netns: 1, owner: 3 };
const other = { netns: 1, owner: 4 };
const ip = '192.0.2.1';

function heard(name: string, change: { atMs?: number; ttlSeconds?: number; owner?: number } = {}) {
  const { atMs = 0, ttlSeconds = 300, owner = curl.owner } = change;
  return { netns: 1, owner, name, atMs, addresses: [{ address: ip, ttlSeconds }] };
}

const open = (entriesMax = 100, windowMs = 10_000) => addressNames({ entriesMax, windowMs });

test('who asked has the name; everybody else on the node has it with its weaker source', () => {
  const names = open();
  names.heard(heard('a.example'));
  assert.deepEqual(names.find({ ...curl, ip }, 0), { name: 'a.example', source: 'dns' });
  assert.deepEqual(names.find({ ...other, ip }, 0), { name: 'a.example', source: 'dns_node' });
  assert.deepEqual(names.find({ ...curl, netns: 2, ip }, 0), { name: 'a.example', source: 'dns_node' });
  assert.equal(names.find({ ...curl, ip: '192.0.2.2' }, 0), undefined);
});

test('each has the name that it asked for, others the newest', () => {
  const names = open();
  names.heard(heard('a.example'));
  names.heard(heard('b.example', { owner: other.owner, atMs: 1 }));
  assert.equal(names.find({ ...curl, ip }, 2)?.name, 'a.example');
  assert.equal(names.find({ ...other, ip }, 2)?.name, 'b.example');
  assert.deepEqual(names.find({ netns: 1, owner: 5, ip }, 2), { name: 'b.example', source: 'dns_node' });
});

test('an answer to nobody known is the node’s', () => {
  const names = open();
  names.heard(heard('a.example', { owner: 0 }));
  assert.equal(names.find({ netns: 1, owner: 0, ip }, 0)?.source, 'dns_node');
});

test('it holds for its time to live', () => {
  const names = open();
  names.heard(heard('a.example', { ttlSeconds: 300 }));
  assert.equal(names.find({ ...curl, ip }, 300_000)?.name, 'a.example');
  const later = open();
  later.heard(heard('a.example', { ttlSeconds: 300 }));
  assert.equal(later.find({ ...curl, ip }, 300_001), undefined);
});

test('it holds for a while whatever its time to live, and not for ever', () => {
  const names = open();
  names.heard(heard('a.example', { ttlSeconds: 0 }));
  assert.equal(names.find({ ...curl, ip }, nameLimits.holdMsMin)?.name, 'a.example');
  const late = open();
  late.heard(heard('a.example', { ttlSeconds: 0 }));
  assert.equal(late.find({ ...curl, ip }, nameLimits.holdMsMin + 1), undefined);
  const long = open();
  long.heard(heard('a.example', { ttlSeconds: 0x7fff_ffff }));
  assert.equal(long.find({ ...curl, ip }, nameLimits.ttlMsMax + 1), undefined);
});

test('what is in use keeps its name, window by window', () => {
  for (const windowMs of [10_000, 3_600_000]) {
    const names = open(100, windowMs);
    names.heard(heard('a.example', { ttlSeconds: 5 }));
    for (let at = windowMs; at <= 20 * windowMs; at += windowMs)
      assert.equal(names.find({ ...curl, ip }, at)?.source, 'dns', String(at));
    const stopped = 20 * windowMs + Math.max(nameLimits.holdMsMin, 2 * windowMs) + 1;
    assert.equal(names.find({ ...curl, ip }, stopped), undefined);
  }
});

test('those in use stay when others push in', () => {
  const names = open(2);
  const at = (address: string) => ({ ...heard('x.example'), addresses: [{ address, ttlSeconds: 60 }] });
  names.heard(at('192.0.2.1'));
  names.heard(at('192.0.2.2'));
  assert.ok(names.find({ ...curl, ip: '192.0.2.1' }, 0));
  names.heard(at('192.0.2.3'));
  assert.equal(names.find({ ...curl, ip: '192.0.2.1' }, 0)?.source, 'dns');
  assert.equal(names.find({ ...curl, ip: '192.0.2.2' }, 0)?.source, 'dns_node');
  assert.equal(names.find({ ...other, ip: '192.0.2.1' }, 0), undefined);
});

test('a million names churned through leave the newest, and no more than there is room for', (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const entriesMax = 16_384;
  const count = 1_000_000;
  const names = open(entriesMax);
  const ipOf = (i: number) => `10.${String(i >> 16)}.${String((i >> 8) & 255)}.${String(i & 255)}`;
  const nameOf = (i: number) => `host-${String(i)}.some.where.example`;
  const ownerOf = (i: number) => 1 + (i % 97);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) {
    const addresses = [{ address: ipOf(i), ttlSeconds: 3600 }];
    names.heard({ netns: 1, owner: ownerOf(i), name: nameOf(i), atMs: i / 1000, addresses });
  }
  collect();
  t.diagnostic(`heap: ${String(Math.round((process.memoryUsage().heapUsed - before) / 1024))} KiB`);
  assert.equal(names.size(), entriesMax);
  const find = (i: number) => names.find({ netns: 1, owner: ownerOf(i), ip: ipOf(i) }, count / 1000);
  for (let i = count - entriesMax; i < count; i++)
    assert.deepEqual(find(i), { name: nameOf(i), source: 'dns' }, String(i));
  for (let i = 0; i < count - entriesMax; i += 997) assert.equal(find(i), undefined, String(i));
});
