/** A million connections, the smallest maps. The same with fewer in every run: test/burst.root.test.ts. */

import { test } from 'node:test';
import { assertBurst, burstLimitS } from './burst.ts';

const connections = Number(process.env['SONDE_MILLION'] ?? 1_000_000);

test('a million connections, the smallest maps', { timeout: burstLimitS * 1000 }, (t) =>
  assertBurst(connections, t),
);
