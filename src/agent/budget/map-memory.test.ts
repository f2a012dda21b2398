import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldMapBytes, mapMemory } from './map-memory.ts';

test('a map’s memory is what the kernel says of its descriptor', () => {
  const text = 'pos:\t0\nmap_type:\t1\nmax_entries:\t4096\nmemlock:\t333760\nmap_id:\t17\nfrozen:\t0\n';
  assert.deepEqual(mapMemory(text), { id: '17', bytes: 333_760 });
  assert.equal(mapMemory('pos:\t0\nflags:\t0100000\nmnt_id:\t12\n'), undefined);
});

test('a process without maps holds none', () => {
  assert.equal(heldMapBytes(), 0);
});
