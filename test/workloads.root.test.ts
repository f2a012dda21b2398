/**
 * Who runs a process, by control groups that are made for real: there is no container but by the name of its
 * group, which is all that a runtime leaves to see.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import type { Actor } from '../lab/actor.ts';
import { programPath } from '../lab/programs.ts';
import { Stage } from '../lab/stage.ts';
import type { ConnectionRecord } from '../src/model/record.ts';
import { brief, group, namedHierarchy, unified } from './control-groups.ts';
import { eventually, startRig, type Rig } from './rig.ts';

const patienceMs = 30_000;
const id = '9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961';
const uid = '72f7f152-440c-66ac-9084-e0fc1d8a910c';

async function briefly(t: TestContext, path: string): Promise<ConnectionRecord> {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  await brief(await at.actor('starter'), group(t, unified, path));
  assert.ok(await eventually(() => rig.connections.length === 1, patienceMs));
  await rig.stop();
  const [told] = rig.connections;
  assert.ok(told);
  const flow = rig.flows().find((row) => row['process.name'] === 'brief');
  assert.equal(flow?.['workload.kind'], told['workload.kind']);
  assert.equal(flow?.['container.id'], told['container.id']);
  return told;
}

describe('a process that lived for a moment', () => {
  const burstable = 'kubepods.slice/kubepods-burstable.slice';
  const pod = `${burstable}/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;
  const cases: Readonly<Record<string, Partial<ConnectionRecord>>> = {
    [`docker/${id}`]: { 'workload.kind': 'container', 'container.id': id, 'container.runtime': 'docker' },
    [`${pod}/cri-containerd-${id}.scope`]: {
      'workload.kind': 'pod',
      'container.id': id,
      'container.runtime': 'containerd',
      'k8s.pod.uid': uid,
      'k8s.pod.qos': 'burstable',
    },
    [`machine.slice/libpod-${id}.scope/container`]: {
      'workload.kind': 'container',
      'container.id': id,
      'container.runtime': 'podman',
    },
    'system.slice/payments.service': {
      'workload.kind': 'systemd_unit',
      'workload.name': 'payments.service',
      'systemd.unit': 'payments.service',
    },
  };
  for (const [path, labels] of Object.entries(cases))
    test(path, async (t) => {
      const told = await briefly(t, path);
      assert.equal(told['process.name'], 'brief');
      assert.equal(told.attribution, 'exact');
      const names = Object.keys(labels) as (keyof ConnectionRecord)[];
      assert.deepEqual(Object.fromEntries(names.map((name) => [name, told[name]])), labels);
    });
});

async function connects(actor: Actor, port: number): Promise<void> {
  const socket = await actor.socket();
  await assert.rejects(actor.connect(socket, { ip: '127.0.0.1', port }), /ECONNREFUSED/);
  await actor.close(socket);
}

test('where version 1 rules, a process that runs is asked', async (t) => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const actor = await at.actor('client');
  const folder = group(t, namedHierarchy(), 'system.slice/payments.service');
  writeFileSync(`${unified}/cgroup.procs`, String(actor.pid)); // where all are then
  writeFileSync(`${folder}/cgroup.procs`, String(actor.pid));
  await connects(actor, 9);
  assert.ok(await eventually(() => rig.connections.length === 1, patienceMs));
  await rig.stop();
  assert.equal(rig.connections[0]?.['systemd.unit'], 'payments.service');
});

function rulesOf(rig: Rig, name: string): string[] {
  const told = rig.records().flatMap((record) => {
    if (record['event.name'] === 'sonde.window' || record['event.name'] === 'sonde.dns') return [];
    if (record['event.name'] === 'sonde.address' || record['process.name'] !== name) return [];
    const direction = record['event.name'] === 'sonde.listener' ? 'listens' : record.direction;
    return [`${direction} ${record['workload.rule'] ?? 'no rule'} ${record.environment}`];
  });
  return [...new Set(told)].sort();
}

test('rules: by port for what is served, by process for the rest', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({
    window: '200ms',
    environment: 'lab',
    namespaces: [at.path],
    ownership: [
      { id: 'shop', match: { port: '7000-7001', process: 'serv*' }, name: 'shop', environment: 'internal' },
      { id: 'tools', match: { process: ['server', 'client'] }, owner: 'them', labels: { tier: 'gold' } },
    ],
  });
  const { client, server } = await stage.pair({ clientAt: at });
  await connects(server, 9);
  await client.exit();
  await server.exit();
  await rig.nextWindow();
  await rig.stop();
  assert.deepEqual(rulesOf(rig, 'server'), [
    'egress tools lab',
    'ingress shop internal',
    'listens shop internal',
  ]);
  assert.deepEqual(rulesOf(rig, 'client'), ['egress tools lab']);
  const flow = rig.flows().find((row) => row['process.name'] === 'client');
  assert.deepEqual([flow?.['workload.owner'], flow?.labels], ['them', { tier: 'gold' }]);
});

test('a command line, without its secrets', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path], command_line: 'redacted' });
  await connects(await at.actor('--token=hunter2'), 9);
  assert.ok(await eventually(() => rig.connections.length === 1, patienceMs));
  await rig.stop();
  const line = rig.connections[0]?.['process.command_line'] ?? '';
  assert.ok(line.startsWith(`${programPath('actor')} --token=*** `), line);
});
