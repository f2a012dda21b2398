import assert from 'node:assert/strict';
import { test } from 'node:test';
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
