import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { itemLimits, itemSplitter } from './items.ts';

function split(text: string, chunkLength = text.length): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const splitter = itemSplitter((item) => items.push(item));
  for (let at = 0; at < text.length; at += chunkLength) splitter.push(text.slice(at, at + chunkLength));
  return { items, around: splitter.end() };
}

const odd = [
  { metadata: { name: 'a ] } " \\ name', items: [1, [2, { items: [] }]] } },
  { 'a "key": [': '\\', items: [{}], nothing: null },
  {},
  { text: '"items": [' },
];
const around = { kind: 'PodList', metadata: { resourceVersion: '7', items: 'not these', continue: 'x' } };

describe('a list, cut anywhere', () => {
  for (const [how, text] of Object.entries({
    'as servers write it': JSON.stringify({ ...around, items: odd }),
    'spread out': JSON.stringify({ ...around, items: odd }, null, 2),
    'what is around behind': JSON.stringify({ items: odd, ...around }),
  }))
    test(how, () => {
      for (let length = 1; length <= text.length; length++) {
        const found = split(text, length);
        assert.deepEqual(found.items, odd);
        assert.deepEqual(found.around, { ...around, items: [] });
      }
    });
});

test('without items', () => {
  for (const items of [null, []]) assert.deepEqual(split(JSON.stringify({ ...around, items })).items, []);
});

describe('what is no list', () => {
  for (const text of ['', '{"items":[{"a":1}', '{"items":[{"a":1},', '{"items":[{a}]}', '<html>', '{"a":'])
    test(text, () => assert.throws(() => split(text), SyntaxError));
});

test('what is too long, within and around', () => {
  const long = 'x'.repeat(1000);
  for (const begin of ['{"items":[{"a":"', '{"a":"']) {
    const splitter = itemSplitter(() => undefined);
    splitter.push(begin);
    assert.throws(() => {
      for (let length = 0; length <= itemLimits.itemMax; length += long.length) splitter.push(long);
    }, /too long/);
  }
});
