/** When rows run out they fold: sums stay exact, and one scanner does not hide everyone else. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChurnClient } from '../lab/churn.ts';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { startRig } from './rig.ts';

/** The least that a configuration may ask for: an owner may have 32 exact rows, then 8 by prefix. */
const rowsMax = 256;

const refused = { port: 9009, action: 'refused', send: 0, receive: 0 } as const;

/** One connection to each of so many addresses in so many /24: a row each, far more than there are. */
async function scan(netns: string, prefixes: number, addresses: number): Promise<void> {
  const truth = await runChurnClient({
    name: 'scanner',
    netns,
    targets: Array.from({ length: prefixes }, (_, i) => ({
      ...refused,
      ip: `127.1.${String(i)}.1`,
      addresses,
      count: addresses,
    })),
  });
  assert.deepEqual(truth.processes[0]?.unexpected, {});
}

function ended(flows: readonly FlowRecord[]): number {
  return flows.reduce((sum, flow) => sum + flow['connections.ended'], 0);
}

test('a scanner folds, and others keep their rows', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig(
    { namespaces: [at.path], window: '1h', limits: { flow_rows: rowsMax }, signals: { refusals: 'off' } },
    { watch: false },
  );
  await scan(at.path, 4, 225);
  const honest = await runChurnClient({
    name: 'honest',
    netns: at.path,
    targets: [5, 6, 7].map((last) => ({ ...refused, ip: `127.0.0.${String(last)}`, count: 50 })),
  });
  assert.deepEqual(honest.processes[0]?.unexpected, {});
  await rig.stop();

  const flows = rig.flows();
  const of = (name: string) => flows.filter((flow) => flow['process.name'] === name);
  assert.equal(ended(flows), 900 + 150, 'nothing is lost');
  assert.deepEqual(
    of('honest')
      .map((flow) => [flow['destination.ip'], flow['destination.ip.form'], flow['connections.ended']])
      .sort(),
    [5, 6, 7].map((last) => [`127.0.0.${String(last)}`, 'exact', 50]),
    'whoever came later than the scanner is told in full',
  );
  const forms = (form: string) => of('scanner').filter((flow) => flow['destination.ip.form'] === form);
  assert.ok(forms('exact').length <= rowsMax / 8);
  assert.ok(forms('prefix').length > 0, 'then by /24');
  assert.ok(forms('prefix').every((flow) => flow['destination.ip'].endsWith('.0/24')));
  assert.equal(forms('folded').length, 0, '4 prefixes had room');
  assert.equal(ended(of('scanner')), 900);
  const lost = rig.windows.at(-1)?.lost ?? {};
  assert.equal(lost['kernel.flows_to_prefix'], ended(forms('prefix')), 'folding is counted');
});

test('an owner with too many prefixes as well becomes one total', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig(
    { namespaces: [at.path], window: '1h', limits: { flow_rows: rowsMax }, signals: { refusals: 'off' } },
    { watch: false },
  );
  await scan(at.path, 12, 60);
  await rig.stop();
  const flows = rig.flows();
  assert.equal(ended(flows), 720);
  const folded = flows.filter((flow) => flow['destination.ip.form'] === 'folded');
  assert.equal(folded.length, 1);
  assert.deepEqual([folded[0]?.['process.name'], folded[0]?.['destination.ip']], ['scanner', '0.0.0.0/0']);
  assert.equal(rig.windows.at(-1)?.lost['kernel.flows_to_owner'], folded[0]?.['connections.ended']);
});

test(
  'what leaves its addresses out on purpose is not folded for want of rows',
  { timeout: 120_000 },
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    const ports = Array.from({ length: rowsMax / 8 + 4 }, (_, index) => 7000 + index);
    await using rig = await startRig(
      { namespaces: [at.path], window: '1h', limits: { flow_rows: rowsMax }, profile: 'failures' },
      { watch: false },
    );
    const [server, client] = [await at.actor('server'), await at.actor('client')];
    for (const port of ports) {
      const [listener, c] = [await server.socket(), await client.socket()];
      await server.bind(listener, '127.0.0.1', port);
      await server.listen(listener);
      await client.connect(c, { ip: '127.0.0.1', port });
      const s = await server.accept(listener);
      await client.close(c);
      await server.receiveEnd(s);
      for (const socket of [s, listener]) await server.close(socket);
    }
    await rig.stop();
    const flows = rig.flows();
    assert.equal(ended(flows), 2 * ports.length);
    assert.deepEqual([...new Set(flows.map((flow) => flow['destination.port']))].sort(), ports);
    const folding = Object.keys(rig.windows.at(-1)?.lost ?? {}).filter((name) => name.includes('flows_to'));
    assert.deepEqual(folding, []);
  },
);
