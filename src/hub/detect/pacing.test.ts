import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pacingOf } from './pacing.ts';

const all = { failed: 20, told: 20, gaps: 9 };

test('the same gap each time, one that doubles, and neither', () => {
  assert.equal(pacingOf({ ...all, variation: 0.05, ratio: 1 }), 'fixed');
  assert.equal(pacingOf({ ...all, variation: 0.9, ratio: 2 }), 'exponential');
  assert.equal(pacingOf({ ...all, variation: 0.6, ratio: 1.1 }), 'jittered');
  assert.equal(pacingOf({ ...all, variation: 0.4, ratio: 1 }), 'jittered');
});

test('where attempts were not told singly, or are few, nobody can say', () => {
  assert.equal(pacingOf({ ...all, told: 17, variation: 0, ratio: 1 }), 'insufficient');
  assert.equal(pacingOf({ ...all, gaps: 3, variation: 0, ratio: 1 }), 'insufficient');
});
