import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, test } from 'node:test';
import { isOperatorError } from '../../lib/errors.ts';
import { ownershipSchema } from './config.ts';
import { kubernetesSchema } from './kubernetes/config.ts';
import { explainProcess, type Explaining } from './explain.ts';

const { uid, username } = userInfo();

const sockets = { docker: 'off', podman: 'off' };
const kubernetes = kubernetesSchema.parse({});

const rules = ownershipSchema.parse([
  { id: 'other', match: { executable: '/usr/sbin/nginx' }, name: 'web' },
  { id: 'admin', match: { user: uid, port: [9000, '9100-9199'] }, name: 'admin' },
  {
    id: 'nodes',
    match: { executable: '*/node*', user: username },
    name: 'scripts',
    labels: { tier: 'gold' },
  },
  { id: 'rest', match: { user: '*' }, owner: 'operations' },
]);

async function explained(change: Partial<Explaining> = {}, id = process.pid) {
  const { labels, ...told } = await explainProcess(id, {
    rules,
    environment: 'lab',
    sockets,
    kubernetes,
    ...change,
  });
  return { ...told, labels: new Map(labels.map(({ name, value, from }) => [name, { value, from }])) };
}

describe('a process', () => {
  test('where each label is from', async () => {
    const { labels, pid } = await explained();
    assert.equal(pid, process.pid);
    assert.deepEqual(labels.get('process.executable.path'), {
      value: readlinkSync('/proc/self/exe'),
      from: '/proc/PID/exe',
    });
    assert.deepEqual(labels.get('user.name'), { value: username, from: '/etc/passwd' });
    assert.deepEqual(labels.get('workload.name'), { value: 'scripts', from: 'rule nodes' });
    assert.deepEqual(labels.get('labels'), { value: { tier: 'gold' }, from: 'rule nodes' });
    assert.deepEqual(labels.get('environment'), {
      value: 'lab',
      from: 'the node\u2019s, in the configuration',
    });
  });

  test('what each rule says, in their order', async () => {
    const wanted = ['/usr/sbin/nginx'];
    assert.deepEqual((await explained()).rules, [
      {
        id: 'other',
        verdict: 'misses',
        miss: { key: 'executable', wanted, has: readlinkSync('/proc/self/exe') },
      },
      { id: 'admin', verdict: 'other_ports', ports: ['9000', '9100-9199'] },
      { id: 'nodes', verdict: 'gives' },
      { id: 'rest', verdict: 'not_asked' },
    ]);
  });

  test('for a port that it serves', async () => {
    const { labels, rules: told } = await explained({ port: 9100 });
    assert.deepEqual(labels.get('workload.name'), { value: 'admin', from: 'rule admin' });
    assert.deepEqual(
      told.map(({ verdict }) => verdict),
      ['misses', 'gives', 'not_asked', 'not_asked'],
    );
  });

  test('without rules and an environment', async () => {
    const { labels, rules: told } = await explained({ rules: [], environment: undefined });
    assert.deepEqual(told, []);
    assert.ok(!labels.has('workload.rule'));
    assert.deepEqual(labels.get('environment'), { value: 'unknown', from: 'set nowhere' });
  });

  test('by one of its threads', async () => {
    const thread = Math.max(...readdirSync('/proc/self/task').map(Number));
    assert.notEqual(thread, process.pid);
    assert.equal((await explained({}, thread)).pid, process.pid);
  });
});

test('one that is not there', async () => {
  const { pid } = spawnSync('/bin/true');
  await assert.rejects(
    explained({}, pid),
    (error) => isOperatorError(error) && error.code === 'labels.process',
  );
});
