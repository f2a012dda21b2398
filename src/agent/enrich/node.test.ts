import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { nodeLabels } from './node.ts';

test('labels of the node: what is not told is unknown, each run has its own id', () => {
  const [a, b] = [
    nodeLabels({ instance: 'main', environment: undefined }),
    nodeLabels({ instance: 'main', environment: 'lab' }),
  ];
  assert.equal(a['host.name'], hostname());
  assert.equal(a.environment, 'unknown');
  assert.equal(b.environment, 'lab');
  assert.equal(a['agent.instance'], 'main');
  assert.notEqual(a['agent.id'], b['agent.id']);
  assert.equal(a['boot.id'], b['boot.id']);
  assert.match(a['boot.id'], /^[0-9a-f-]{36}$/);
});
