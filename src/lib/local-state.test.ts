import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentStateFolder, localStateFolder } from './local-state.ts';

test('state is under /var/lib/sonde, or where SONDE_STATE says', () => {
  assert.equal(localStateFolder({}), '/var/lib/sonde');
  assert.equal(localStateFolder({ SONDE_STATE: '' }), '/var/lib/sonde');
  assert.equal(localStateFolder({ SONDE_STATE: '/tmp/x' }), '/tmp/x');
});

test('each instance has a folder of its own', () => {
  assert.equal(agentStateFolder('blue', '/tmp/x'), '/tmp/x/agent/blue');
});
