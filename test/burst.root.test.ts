/** Connections at full speed with the smallest ring and flow map: totals exact, in = out + lost. */

import { test } from 'node:test';
import { assertBurst, burstLimitS } from './burst.ts';

const connections = Number(process.env['SONDE_BURST_CONNECTIONS'] ?? 50_000);

test('more connections than the ring and the map have room for', { timeout: burstLimitS * 1000 }, (t) =>
  assertBurst(connections, t),
);
