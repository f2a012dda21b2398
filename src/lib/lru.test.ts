import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lruMap } from './lru.ts';
import { prng } from './prng.ts';

test('when it is full, the one goes that was longest not used', () => {
  const map = lruMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.get('a'), 1);
  map.set('c', 3);
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size()], [1, undefined, 3, 2]);
  map.set('a', 4);
  assert.deepEqual([map.get('a'), map.size()], [4, 2]);
});

test('the same as a list that is searched', () => {
  const random = prng(7);
  const map = lruMap<number, number>(8);
  const list: [number, number][] = [];
  for (let i = 0; i < 20_000; i++) {
    const key = random.below(16);
    const at = list.findIndex(([known]) => known === key);
    if (random.below(2) === 0) {
      const [found] = at < 0 ? [] : list.splice(at, 1);
      if (found) list.push(found);
      assert.equal(map.get(key), found?.[1]);
    } else {
      if (at >= 0) list.splice(at, 1);
      list.push([key, i]);
      if (list.length > 8) list.shift();
      map.set(key, i);
    }
    assert.equal(map.size(), list.length);
  }
});

test('uses leave nothing behind, whether or not anything has to go', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const count = 10_000;
  const map = lruMap<number, number>(count);
  for (let i = 0; i < count; i++) map.set(i, i);
  const before = held();
  for (let i = 0; i < 1_000_000; i++) map.get(i % count);
  assert.ok(held() - before < 5e6, `${String(held() - before)} bytes`); // an entry takes 100
  for (let i = 0; i < 1_000_000; i++) map.set(i, i);
  assert.ok(held() - before < 5e6, `${String(held() - before)} bytes`);
  assert.equal(map.size(), count);
});
