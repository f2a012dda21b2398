/** Reconciliation beside connections that stay open: the kernel's counters move between two sweeps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { startRig } from './rig.ts';

test('a retransmission counts when it happens, not when the sweep comes by', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await at.filter(['tcp dport 7000 drop']);
  const client = await at.actor('client');
  // The counts of an agent that stops are compared before its last sweep: the only one, here.
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  const socket = await client.socket();
  await client.connectStart(socket, { ip: '127.0.0.1', port: 7000 });
  await client.until(socket, { retransmits: 1 });
  await rig.stop();

  assert.equal(rig.windows.length, 1);
  const [coverage] = rig.windows[0]?.['coverage.namespaces'] ?? [];
  assert.ok((coverage?.kernel?.['retransSegs'] ?? 0) >= 1, 'the kernel has counted it');
  assert.deepEqual(coverage?.difference, {}, JSON.stringify(coverage));
});
