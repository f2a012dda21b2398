/**
 * A handshake's last segment that comes twice at once makes a listener two children, and the kernel keeps one
 * (lab/spare.c). Both are in its PassiveOpens; the other was no connection, and no row tells of it.
 */

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { programPath } from '../lab/programs.ts';
import { Stage } from '../lab/stage.ts';
import { startRig } from './rig.ts';

const own = '10.31.3.1';
const client = '10.31.4.1';
const spares = 200;

test('a child that the kernel made too much is no connection', async (t) => {
  if (availableParallelism() < 2) {
    t.skip('it takes two processors');
    return;
  }
  await using stage = new Stage();
  const [at, far] = [await stage.namespace(), await stage.namespace()];
  await at.ip(
    `link add far type veth peer name near netns ${far.keeperPid}`,
    `addr add ${own}/24 dev far`,
    'link set far up',
    `route add ${client} dev far`,
    `neigh add ${client} lladdr 02:00:00:00:00:01 dev far`,
  );
  await far.ip('link set near up');
  await using rig = await startRig({ namespaces: [at.path] });
  await rig.nextWindow();
  const told = await at.run([programPath('spare'), 'far', own, client, String(spares), '20000']);
  const truth = JSON.parse(told) as { readonly accepted: number; readonly spares: number };
  assert.ok(truth.spares >= spares, told);
  await rig.nextWindow();
  const atRest = await rig.nextWindow();
  await rig.stop();

  const flows = rig.flows();
  const sum = (name: 'connections.opened' | 'connections.established' | 'connections.ended') =>
    flows.reduce((total, flow) => total + flow[name], 0);
  const { accepted } = truth;
  assert.deepEqual(
    [sum('connections.opened'), sum('connections.established'), sum('connections.ended')],
    [accepted, accepted, accepted],
  );
  assert.equal(rig.connections.length, 2 * accepted); // established, and ended
  const [counted] = atRest['coverage.namespaces'];
  assert.deepEqual(counted?.difference, {});
  assert.equal(counted.kernel?.passiveOpens, accepted + truth.spares);
});
