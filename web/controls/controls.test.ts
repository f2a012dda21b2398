import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localInput, readLocalInput } from './local-time.ts';
import { refreshMs } from './pace.ts';

test('a local time is read back as it was written', () => {
  const timeMs = Date.UTC(2026, 10, 25, 9, 5, 7);
  assert.match(localInput(timeMs), /^2026-11-2\dT\d\d:\d5:07$/);
  assert.equal(readLocalInput(localInput(timeMs)), timeMs);
  assert.equal(localInput(Number.NaN), '');
  assert.equal(readLocalInput(''), undefined);
});

test('what is long is asked less often', () => {
  assert.equal(refreshMs({ since: '5m' }), 10_000);
  assert.equal(refreshMs({ since: '1h' }), 10_000);
  assert.equal(refreshMs({ since: '3h' }), 30_000);
  assert.equal(refreshMs({ since: '7d' }), 60_000);
  assert.equal(refreshMs({ since: 'nonsense' }), 10_000);
  assert.equal(refreshMs({ from: '2026-11-25T12:00:00Z', to: '2026-11-25T13:00:00Z' }), 10_000);
});
