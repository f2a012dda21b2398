import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killHub } from '../../test/hub-kills.ts';
import { entropySeed } from '../lib/prng.ts';

test(
  'a hub killed thirty times loses nothing that it acknowledged, and stores nothing twice',
  { timeout: 900_000 },
  async (t) => {
    const seed = entropySeed() % 2 ** 31;
    t.diagnostic(`seed ${seed}`);
    const summary = await killHub(30, seed);
    t.diagnostic(summary);
    assert.match(summary, /^[1-9]/);
  },
);
