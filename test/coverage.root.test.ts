/** Reconciliation beside connections that stay open: the kernel's counters move between two sweeps. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { startRig } from './rig.ts';

const connections = 20;

test('a retransmission counts when it happens, not when the sweep comes by', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await at.filter(['tcp dport 7000 drop']);
  const client = await at.actor('client');
  // The counts of an agent that stops are compared before its last sweep: the only one, here.
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  const socket = await client.socket();
  await client.connectStart(socket, { ip: '127.0.0.1', port: 7000 });
  await client.until(socket, { retransmits: 1 });
  await rig.stop();

  assert.equal(rig.windows.length, 1);
  const [coverage] = rig.windows[0]?.['coverage.namespaces'] ?? [];
  assert.ok((coverage?.kernel?.['retransSegs'] ?? 0) >= 1, 'the kernel has counted it');
  assert.deepEqual(coverage?.difference, {}, JSON.stringify(coverage));
});

test('without a scope every namespace is compared, this host\u2019s among them', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '200ms' }, { watch: false });
  const host = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0]);
  const server = createServer((socket) => socket.end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < connections; i++) {
    const socket = connect(port, '127.0.0.1').resume();
    await once(socket, 'close');
  }
  await once(server.close(), 'close');
  const pair = await stage.pair({ clientAt: at });
  await rig.nextWindow();
  await rig.nextWindow();
  await pair.client.close(pair.c);
  await rig.stop();

  const compared = rig.windows.flatMap((window) => window['coverage.namespaces']);
  const last = new Map(compared.map((of) => [of['network.namespace'], of]));
  for (const [inode, least] of [
    [host, connections],
    [at.inode, 1],
  ] as const) {
    const { unreachable, seen, kernel } = last.get(inode) ?? assert.fail(`nothing of ${String(inode)}`);
    assert.equal(unreachable, undefined);
    for (const name of ['activeOpens', 'passiveOpens'])
      for (const counted of [seen, kernel]) assert.ok((counted?.[name] ?? 0) >= least, name);
  }
  assert.deepEqual(
    compared.filter(({ explained }) => Object.values(explained ?? {}).includes('unexplained')),
    [],
  );
});
