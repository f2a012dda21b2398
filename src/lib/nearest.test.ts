import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.ts';

const names = ['host.name', 'process.name', 'destination.ip', 'destination.port', 'source.port'];

test('the name of the fewest edits, or the first that has the word', () => {
  assert.equal(nearest('destnation.port', names), 'destination.port');
  assert.equal(nearest('Process.Name', names), 'process.name');
  assert.equal(nearest('proces.nam', names), 'process.name');
  assert.equal(nearest('port', names), 'destination.port');
  assert.equal(nearest('ip', names), 'destination.ip');
  assert.equal(nearest('destination.ip', []), undefined);
  assert.equal(nearest('x'.repeat(1_000_000), names), 'host.name');
});
