import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localSocketPath } from './local-socket.ts';

test('the socket is under /run/sonde, or where SONDE_RUN says', () => {
  assert.equal(localSocketPath('main', {}), '/run/sonde/main.sock');
  assert.equal(localSocketPath('blue', { SONDE_RUN: '/tmp/x' }), '/tmp/x/blue.sock');
});

test('an empty SONDE_RUN is as good as none', () => {
  assert.equal(localSocketPath('main', { SONDE_RUN: '' }), '/run/sonde/main.sock');
});
