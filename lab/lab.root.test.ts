/**
 * The lab against the kernel: every scenario's truth must agree with the counters of its own namespaces.
 * Needs root; what a machine cannot do is skipped by name.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadScenarios } from './catalogue.ts';
import { disagreements } from './check.ts';
import { ChurnServer, runChurnClient } from './churn.ts';
import type { ChurnTruth } from './churn.ts';
import { routedAddress } from './namespaces.ts';
import { missingNeeds } from './needs.ts';
import { buildPrograms } from './programs.ts';
import { Stage } from './stage.ts';

const isRoot = process.getuid?.() === 0;
const together = 6;

describe('scenarios', { skip: !isRoot && 'needs root', concurrency: together }, async () => {
  buildPrograms();
  for (const scenario of await loadScenarios())
    it(`${scenario.id}: ${scenario.title}`, async (test) => {
      const missing = await missingNeeds(scenario.needs ?? []);
      if (missing.length) return test.skip(`no ${missing.join(', ')} here`);
      await using stage = new Stage();
      const truth = await scenario.run(stage);
      const wrong = stage.namespaces.flatMap((namespace) =>
        disagreements(truth, namespace.inode, stage.counters(namespace)),
      );
      assert.deepEqual(wrong, []);
    });
});

function connections(truth: ChurnTruth, state?: string): number {
  const ends = truth.processes.flatMap((process) => process.ends);
  return ends.filter((end) => !state || end.state === state).reduce((sum, end) => sum + end.connections, 0);
}

describe('churn', { skip: !isRoot && 'needs root' }, () => {
  before(buildPrograms);

  it('tells exactly what happened, across two namespaces and several processes', async () => {
    await using stage = new Stage();
    const { left, right } = await stage.routed();
    const ip = routedAddress.right.v4;
    const payload = { send: 100, receive: 400 };
    const reply = { send: 400, receive: 100 };
    await using server = await ChurnServer.start({
      name: 'served',
      netns: right.path,
      workers: 2,
      listeners: [
        { ip, port: 9001, action: 'fin_remote', ...reply },
        { ip, port: 9002, action: 'fin_local', ...reply },
        { ip, port: 9003, action: 'aborted', ...reply },
        { ip, port: 9004, action: 'reset_received', ...reply },
      ],
    });
    const asked = await runChurnClient({
      name: 'asked',
      netns: left.path,
      workers: 3,
      targets: [
        { ip, port: 9001, action: 'fin_local', count: 200, ...payload },
        { ip, port: 9002, action: 'fin_remote', count: 50, ...payload },
        { ip, port: 9003, action: 'reset_received', count: 50, ...payload },
        { ip, port: 9004, action: 'aborted', count: 50, ...payload },
        { ip, port: 9005, action: 'refused', count: 50, send: 0, receive: 0 },
      ],
    });
    const served = await server.stop();
    await Promise.all([left.settled(), right.settled()]);

    for (const process of [...asked.processes, ...served.processes]) assert.deepEqual(process.unexpected, {});
    assert.equal(asked.netns, left.inode);
    assert.equal(connections(asked), 1200);
    assert.equal(connections(served), 1050);
    const [client, host] = [left.counters(), right.counters()];
    assert.equal(client.ActiveOpens, 1200);
    assert.equal(client.AttemptFails, connections(asked, 'refused'));
    assert.equal(client.EstabResets, connections(asked, 'reset'));
    assert.equal(host.PassiveOpens, 1050);
    assert.equal(host.EstabResets, connections(served, 'reset'));
  });
});
