/** UDP flows under load: many borders of windows, and more flows than there is room for. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SocketId } from '../lab/actor.ts';
import { Stage } from '../lab/stage.ts';
import { assertKernelAgrees, bound, noUdp, startUdpRig, udpSums, udpTotals } from './udp-sums.ts';

const limit = { timeout: 60_000 };

test(
  'three processes talk over many borders of windows: nothing is lost, no flow opens twice',
  limit,
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startUdpRig(at, { window: '100ms' });
    const { server, s } = await bound(at, '127.0.0.1', 5300);
    const [windows, sockets, each] = [12, 10, 4];
    const talkers = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => {
        const client = await at.actor(name);
        const ids: SocketId[] = [];
        for (let i = 0; i < sockets; i++) ids.push(await client.socket('udp4'));
        for (const c of ids) await client.connect(c, { ip: '127.0.0.1', port: 5300 });
        return { name, client, ids };
      }),
    );
    let rounds = 0;
    for (; rig.windows.length < windows; rounds++) {
      const taken = server.takeDatagrams(s, talkers.length * sockets * each, 30);
      const talks = talkers.map(async ({ client, ids }) => {
        for (const c of ids) await client.sendDatagrams(c, { count: each, bytes: 10 });
        for (const c of ids) await client.takeDatagrams(c, each);
      });
      await Promise.all([taken, ...talks]);
    }
    for (const { client, ids } of talkers) for (const c of ids) await client.close(c);
    await server.close(s);
    await rig.nextWindow();
    await rig.stop();
    const flows = rig.flows();
    const datagrams = rounds * sockets * each;
    const sum = { ...noUdp, opened: sockets, closed: sockets };
    assert.deepEqual(udpSums(flows), {
      ...Object.fromEntries(
        talkers.map(({ name }) => [
          `${name} egress 127.0.0.1 5300`,
          {
            ...sum,
            bytesSent: datagrams * 10,
            bytesReceived: datagrams * 30,
            datagramsSent: datagrams,
            datagramsReceived: datagrams,
          },
        ]),
      ),
      'server ingress 127.0.0.1 5300': {
        ...sum,
        opened: 3 * sockets,
        closed: 3 * sockets,
        bytesSent: 3 * datagrams * 30,
        bytesReceived: 3 * datagrams * 10,
        datagramsSent: 3 * datagrams,
        datagramsReceived: 3 * datagrams,
      },
    });
    assertKernelAgrees(at, flows);
    assert.ok(rounds > windows / 2, `${String(rounds)} rounds`);
  },
);

test('more flows than there is room for: in = out + lost', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at, { window: '100ms', limits: { udp_flows: 64 } });
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const [each, bytes] = [2000, 33];
  const clients = await Promise.all(['one', 'two', 'three'].map((name) => at.actor(name)));
  const to = { ip: '127.0.0.1', port: 5300 };
  await Promise.all(
    clients.map((client, i) =>
      client.shortFlows('udp4', to, { count: each, bytes, firstPort: 20_000 + i * each }),
    ),
  );
  await server.close(s);
  await rig.nextWindow();
  await rig.nextWindow();
  await rig.stop();

  const all = each * clients.length;
  const sums = udpSums(rig.flows());
  for (const name of ['one', 'two', 'three']) {
    const { datagramsSent, bytesSent } = sums[`${name} egress 127.0.0.1 5300`]!;
    assert.deepEqual({ datagramsSent, bytesSent }, { datagramsSent: each, bytesSent: each * bytes });
  }
  const { datagramsReceived, bytesReceived } = sums['server ingress 127.0.0.1 5300']!;
  assert.deepEqual(
    { datagramsReceived, bytesReceived },
    { datagramsReceived: all, bytesReceived: all * bytes },
  );
  const { sent, read } = at.udpCounters();
  assert.deepEqual({ sent, read }, { sent: all, read: 0 });

  const { opened, closed, abandoned } = udpTotals(rig.flows());
  const lost = (name: string) =>
    rig.windows.reduce((n, window) => n + (window.lost[`kernel.${name}`] ?? 0), 0);
  assert.ok(lost('udp_flows_full') > 0, 'the test means to fill the map');
  assert.equal(
    opened + lost('udp_flows_full'),
    2 * all,
    'every flow has one datagram: told, or counted as lost',
  );
  assert.equal(opened, closed + abandoned);
  assert.equal(abandoned, 0);
});
