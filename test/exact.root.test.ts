/**
 * Exactness: 50,000 connections by several processes, refused and reset ones among them, in two network
 * namespaces, over many window borders, while events are suppressed and the sweep hardly ever rests. The rows
 * must sum to what was done.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { startRig, type Rig } from './rig.ts';
import { assertBalance, churn, flowSums, truthSums } from './truth.ts';

const connectionsWanted = Number(process.env['SONDE_EXACT_CONNECTIONS'] ?? 50_000);

/** Every moment of every connection was told or is counted as lost. */
function assertEvents(rig: Rig, flows: readonly FlowRecord[]): void {
  const moments = flows.reduce(
    (n, flow) => n + flow['connections.established'] + flow['connections.ended'],
    0,
  );
  const lost = rig.windows.reduce(
    (n, { lost: by }) => n + (by['kernel.events_suppressed'] ?? 0) + (by['kernel.events_ring_full'] ?? 0),
    0,
  );
  assert.ok(lost > 0, 'the test means to suppress events');
  assert.equal(rig.connections.length + lost, moments);
}

test('50,000 connections sum to the truth', { timeout: 300_000 }, async () => {
  await using stage = new Stage();
  const [one, two] = [await stage.namespace('one'), await stage.namespace('two')];
  const rig = await startRig({
    window: '100ms',
    namespaces: [one.path, two.path],
    limits: { events_per_second: 500, trace_events_per_second: 500, event_buffer: '64KiB' },
  });
  try {
    // Beside the churn, one connection per namespace that talks all the time: its bytes arrive by sweeps.
    const talkers = [await stage.pair({ clientAt: one }), await stage.pair({ clientAt: two })];
    const perTarget = Math.ceil(connectionsWanted / (2 * 3 * 5));
    const talking = { on: true };
    let rounds = 0;
    const talk = (async () => {
      for (; talking.on; rounds++) {
        for (const { client, server, c, s } of talkers) {
          await client.send(c, 1000);
          await server.receive(s, 1000);
          await server.send(s, 3000);
          await client.receive(c, 3000);
        }
      }
    })();
    const truths = (
      await Promise.all([
        churn({ netns: one.path, tag: 'one', perTarget }),
        churn({ netns: two.path, tag: 'two', perTarget }),
      ])
    ).flat();
    talking.on = false;
    await talk;
    for (const process of truths.flatMap((t) => t.processes))
      assert.deepEqual(process.unexpected, {}, process.process);
    await rig.nextWindow();
    const atRest = await rig.nextWindow();
    await rig.stop();

    const flows = rig.flows();
    const talked = flows.filter((flow) => flow['destination.port'] === 7000);
    const churned = flows.filter((flow) => flow['destination.port'] !== 7000);
    assert.deepEqual(flowSums(churned), truthSums(truths));
    const done = churned
      .filter((f) => f.direction === 'egress')
      .reduce((n, f) => n + f['connections.ended'], 0);
    assert.ok(done >= connectionsWanted, `${String(done)} connections were made`);
    for (const direction of ['egress', 'ingress'] as const) {
      const sent = talked.filter((f) => f.direction === direction).reduce((n, f) => n + f['bytes.sent'], 0);
      assert.equal(sent, 2 * rounds * (direction === 'egress' ? 1000 : 3000));
    }
    assertBalance(rig.windows, flows);
    assertEvents(rig, flows);
    assert.equal(atRest['coverage.namespaces'].length, 2);
    for (const coverage of atRest['coverage.namespaces'])
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
    const refused = churned.filter((f) => f.direction === 'egress' && f['connection.state'] === 'refused');
    assert.equal(
      flows.reduce((n, { refusals = 0 }) => n + refusals, 0),
      atRest.signals.includes('refusals') ? refused.reduce((n, f) => n + f['connections.ended'], 0) : 0,
      'whoever was refused here was refused by this host',
    );
    for (const flow of flows.filter(({ refusals }) => refusals === undefined))
      assert.match(flow['process.executable.path'] ?? '', /\/lab\/(churn|actor)$/);
  } finally {
    await rig[Symbol.asyncDispose]();
  }
});
