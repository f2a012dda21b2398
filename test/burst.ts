/** Connections at full speed to two hundred addresses, while the smallest ring and the smallest flow map count. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ChurnServer, runChurnClient, type ChurnTruth } from '../lab/churn.ts';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { startRig, type Rig } from './rig.ts';
import { assertBalance, flowSums, truthSums, type Sums } from './truth.ts';

const clients = 3;
const addresses = 200;
/** After which the churn is ended, and the test with it. */
export const burstLimitS = 600;

/** Ends of five kinds at both ends, each to as many addresses as a row could be of. */
async function burst(at: Namespace, connections: number): Promise<ChurnTruth[]> {
  const limitS = burstLimitS;
  const listener = { ip: '0.0.0.0', send: 480, receive: 120 };
  const target = { ip: '127.1.0.1', addresses, send: 120, receive: 480 };
  const count = Math.ceil(connections / clients / 5);
  await using server = await ChurnServer.start({
    name: 'server',
    netns: at.path,
    workers: 2,
    limitS,
    listeners: [
      { ...listener, port: 9001, action: 'fin_remote' },
      { ...listener, port: 9002, action: 'fin_local' },
      { ...listener, port: 9003, action: 'aborted' },
      { ...listener, port: 9004, action: 'reset_received' },
    ],
  });
  const client = await runChurnClient({
    name: 'client',
    netns: at.path,
    workers: clients,
    limitS,
    targets: [
      { ...target, port: 9001, action: 'fin_local', count },
      { ...target, port: 9002, action: 'fin_remote', count },
      { ...target, port: 9003, action: 'reset_received', count },
      { ...target, port: 9004, action: 'aborted', count },
      { ...target, port: 9009, action: 'refused', count, send: 0, receive: 0 },
    ],
  });
  return [client, await server.stop()];
}

/** Without addresses and ports, which folding takes away: process, direction, and state or bytes. */
function folded(sums: Readonly<Record<string, Sums>>): Record<string, Sums> {
  const all: Record<string, Sums> = {};
  for (const [key, { ended, bytesSent, bytesReceived }] of Object.entries(sums)) {
    const words = key.split(' ');
    const into = (all[[words[0], words[1], words.at(-1)].join(' ')] ??= {
      ended: 0,
      bytesSent: 0,
      bytesReceived: 0,
    });
    into.ended += ended;
    into.bytesSent += bytesSent;
    into.bytesReceived += bytesReceived;
  }
  return all;
}

/** In = out + lost: of rows that stand for several addresses, and of single connections. */
function assertLosses(rig: Rig, connections: number, t: TestContext): void {
  const flows = rig.flows();
  const lost = (reason: string) =>
    rig.windows.reduce((sum, window) => sum + (window.lost[`kernel.${reason}`] ?? 0), 0);
  // All that is in a row that stands for several addresses is counted: once in a window.
  const shortened = flows
    .filter((flow) => flow['destination.ip.form'] !== 'exact' || flow['source.ip.form'] === 'prefix')
    .map((flow) => flow['connections.ended'] + flow['connections.open'] + (flow.refusals ?? 0))
    .reduce((sum, count) => sum + count, 0);
  assert.ok(shortened > 0, 'the test means to fold');
  assert.equal(lost('flows_to_prefix') + lost('flows_to_owner') + lost('flows_to_node'), shortened);
  assert.equal(lost('flows_no_row') + lost('owners_full') + lost('connections_untracked'), 0);
  const moments = flows.reduce(
    (sum, flow) => sum + flow['connections.established'] + flow['connections.ended'],
    0,
  );
  assert.ok(lost('events_ring_full') > 0, 'the test means to fill the ring');
  assert.equal(rig.connections.length + lost('events_suppressed') + lost('events_ring_full'), moments);
  assert.ok(moments > 2 * connections);
  const reasons = ['flows_to_prefix', 'flows_to_owner', 'events_suppressed', 'events_ring_full'];
  t.diagnostic(reasons.map((reason) => `${reason} ${String(lost(reason))}`).join(', '));
}

/** That many connections: rows fold, the ring overflows, and the sums are exact all the same. */
export async function assertBurst(connections: number, t: TestContext): Promise<void> {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({
    namespaces: [at.path],
    limits: {
      flow_rows: 256,
      event_buffer: '64KiB',
      // What keeps events off the ring must not, here.
      events_per_second: 1_000_000,
      trace_events_per_second: 1_000_000,
    },
  });
  await rig.nextWindow();
  const truths = await burst(at, connections);
  for (const process of truths.flatMap((truth) => truth.processes))
    assert.deepEqual(process.unexpected, {}, process.process);
  await rig.nextWindow();
  const atRest = await rig.nextWindow();
  await rig.stop();

  const flows = rig.flows();
  assert.deepEqual(folded(flowSums(flows)), folded(truthSums(truths)));
  assertBalance(rig.windows, flows);
  assertLosses(rig, connections, t);
  assert.equal(atRest['coverage.namespaces'].length, 1);
  for (const { unreachable, difference } of atRest['coverage.namespaces'])
    assert.deepEqual({ unreachable, difference }, { unreachable: undefined, difference: {} });
}
