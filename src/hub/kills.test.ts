import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killHub } from '../../test/hub-kills.ts';
import { entropySeed } from '../lib/prng.ts';

test('a hub killed under load loses nothing that it acknowledged, and stores nothing twice', async (t) => {
  const seed = entropySeed() % 2 ** 31;
  t.diagnostic(`seed ${seed}`);
  const summary = await killHub(2, seed);
  t.diagnostic(summary);
  assert.match(summary, /^[1-9]/);
});
