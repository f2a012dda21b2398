/** UDP flows: exact bytes and datagrams both ways at both ends, whoever sends, and however the flow ends. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { eventually } from './rig.ts';
import { assertKernelAgrees, bound, noUdp, startUdpRig, udpSums } from './udp-sums.ts';

const limit = { timeout: 60_000 };

test('connected, over several windows', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  await client.connect(c, { ip: '127.0.0.1', port: 5300 });
  for (let round = 0; round < 3; round++) {
    await client.sendDatagrams(c, { count: 3, bytes: 100 });
    assert.equal(await server.takeDatagrams(s, 3, 1000), 300);
    assert.equal(await client.takeDatagrams(c, 3), 3000);
    await rig.nextWindow();
    await rig.nextWindow();
  }
  assert.deepEqual(rig.windows.at(-1)?.udp, { open: 2 }, 'nothing but that they are there');
  await client.close(c);
  await server.close(s);
  await rig.nextWindow();
  const atRest = await rig.nextWindow();
  await rig.stop();

  assert.deepEqual(atRest.udp, {});
  const flows = rig.flows();
  const once = { ...noUdp, opened: 1, closed: 1, datagramsSent: 9, datagramsReceived: 9 };
  assert.deepEqual(udpSums(flows), {
    'client egress 127.0.0.1 5300': { ...once, bytesSent: 900, bytesReceived: 9000 },
    'server ingress 127.0.0.1 5300': { ...once, bytesSent: 9000, bytesReceived: 900 },
  });
  assertKernelAgrees(at, flows);
  for (const flow of flows) {
    assert.deepEqual(
      [flow.attribution, flow.latency_ms, flow['connections.established']],
      ['exact', null, 0],
    );
    assert.match(flow['process.executable.path'] ?? '', /\/lab\/actor$/);
  }
  for (const window of rig.windows) {
    assert.deepEqual(window.lost, {});
    assert.equal(window['connections.opened'] + window['bytes.sent'], 0, 'TCP is told apart');
  }
});

test('one socket to many remotes, by IPv4 and mapped into IPv6', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const remotes = [
    await bound(at, '127.0.0.1', 5301),
    await bound(at, '127.0.0.2', 5301),
    await bound(at, '127.0.0.2', 5302),
    await bound(at, '::1', 5303),
  ];
  const addresses = [
    { ip: '127.0.0.1', port: 5301 },
    { ip: '127.0.0.2', port: 5301 },
    { ip: '127.0.0.2', port: 5302 },
    { ip: '::1', port: 5303 },
  ];
  const client = await at.actor('client');
  const c = await client.socket('udp6');
  for (const [i, to] of addresses.entries()) {
    const { server, s } = remotes[i]!;
    await client.sendDatagrams(c, { count: i + 1, bytes: 10, to, how: 'many' });
    await server.takeDatagrams(s, i + 1, 20);
    await client.takeDatagrams(c, i + 1);
  }
  await client.close(c);
  for (const { server, s } of remotes) await server.close(s);
  await rig.nextWindow();
  await rig.stop();

  const flows = rig.flows();
  assert.deepEqual(
    udpSums(flows),
    Object.fromEntries(
      addresses.flatMap(({ ip, port }, i) => {
        const sum = { ...noUdp, opened: 1, closed: 1, datagramsSent: i + 1, datagramsReceived: i + 1 };
        return [
          [`client egress ${ip} ${port}`, { ...sum, bytesSent: 10 * (i + 1), bytesReceived: 20 * (i + 1) }],
          [`server ingress ${ip} ${port}`, { ...sum, bytesSent: 20 * (i + 1), bytesReceived: 10 * (i + 1) }],
        ];
      }),
    ),
  );
  const families = new Set(flows.map((flow) => `${flow['destination.ip']} ${flow['network.type'] ?? ''}`));
  assert.deepEqual([...families].sort(), ['127.0.0.1 ipv4', '127.0.0.2 ipv4', '::1 ipv6']);
  assertKernelAgrees(at, flows);
});

test('many sockets to one remote: a flow each', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const client = await at.actor('client');
  await client.shortFlows('udp4', { ip: '127.0.0.1', port: 5300 }, { count: 50, bytes: 7 });
  await server.takeDatagrams(s, 50);
  await server.close(s);
  await rig.nextWindow();
  await rig.stop();
  const sum = { ...noUdp, opened: 50, closed: 50 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress 127.0.0.1 5300': { ...sum, bytesSent: 350, datagramsSent: 50 },
    'server ingress 127.0.0.1 5300': { ...sum, bytesReceived: 350, datagramsReceived: 50 },
  });
  assertKernelAgrees(at, rig.flows());
});

test('datagrams that the kernel cuts or joins, empty ones and large ones', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, '::1', 5300);
  const client = await at.actor('client');
  const c = await client.socket('udp6');
  await client.connect(c, { ip: '::1', port: 5300 });
  const sent = [
    { count: 70, bytes: 1200, how: 'cut' },
    { count: 5, bytes: 0, how: 'one' },
    { count: 2, bytes: 65_000, how: 'one' },
  ] as const;
  for (const of of sent) {
    await client.sendDatagrams(c, of);
    assert.equal(await server.takeDatagrams(s, of.count), of.count * of.bytes);
  }
  await client.close(c);
  await server.close(s);
  await rig.nextWindow();
  await rig.stop();
  const [datagrams, bytes] = [77, 70 * 1200 + 130_000];
  const sum = { ...noUdp, opened: 1, closed: 1 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress ::1 5300': { ...sum, bytesSent: bytes, datagramsSent: datagrams },
    'server ingress ::1 5300': { ...sum, bytesReceived: bytes, datagramsReceived: datagrams },
  });
});

test('who sends owns the flow, whoever made the socket', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, '127.0.0.1', 5300, { name: 'parent' });
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  const worker = await server.fork('worker');
  await server.close(s);
  await client.sendDatagrams(c, { count: 1, bytes: 5, to: { ip: '127.0.0.1', port: 5300 } });
  await worker.takeDatagrams(s, 1, 6);
  await client.takeDatagrams(c, 1);
  await worker.kill();
  await client.close(c);
  await rig.nextWindow();
  await rig.stop();
  const sum = { ...noUdp, opened: 1, closed: 1, datagramsSent: 1, datagramsReceived: 1 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress 127.0.0.1 5300': { ...sum, bytesSent: 5, bytesReceived: 6 },
    'worker ingress 127.0.0.1 5300': { ...sum, bytesSent: 6, bytesReceived: 5 },
  });
});

test('a socket that only receives is the process\u2019s that holds it', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, '127.0.0.1', 5300, { name: 'parent' });
  const worker = await server.fork('worker');
  await server.exit();
  await rig.nextWindow();
  await rig.nextWindow();
  const client = await at.actor('client');
  await client.shortFlows('udp4', { ip: '127.0.0.1', port: 5300 }, { count: 1, bytes: 9 });
  await worker.takeDatagrams(s, 1);
  await rig.nextWindow();
  await rig.stop();
  const ingress = rig.flows().filter((flow) => flow.direction === 'ingress');
  const who = ingress.map((flow) => `${flow['process.name']} ${flow.attribution}`);
  assert.deepEqual([...new Set(who)], ['worker scanned']);
});

test('a socket older than the agent: adopted, and the service is the server\u2019s port', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  const to = { ip: '127.0.0.1', port: 5300 };
  await client.connect(c, to);
  await client.sendDatagrams(c, { count: 1, bytes: 1 });
  await using rig = await startUdpRig(at);
  await server.takeDatagrams(s, 1, 50); // the first that Sonde sees is the server's answer
  await client.takeDatagrams(c, 1);
  await client.close(c);
  await server.close(s);
  await rig.nextWindow();
  await rig.stop();
  const flows = rig.flows();
  const sum = { ...noUdp, adopted: 1, closed: 1 };
  assert.deepEqual(udpSums(flows), {
    'client egress 127.0.0.1 5300': { ...sum, bytesReceived: 50, datagramsReceived: 1 },
    'server ingress 127.0.0.1 5300': { ...sum, bytesSent: 50, datagramsSent: 1 },
  });
});

test('refused: each datagram that nobody takes is a flow that ended so', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const client = await at.actor('client');
  for (const ip of ['127.0.0.1', '::1']) {
    const c = await client.socket(ip === '::1' ? 'udp6' : 'udp4');
    await client.connect(c, { ip, port: 5309 });
    for (let i = 0; i < 3; i++) {
      await client.sendDatagrams(c, { count: 1, bytes: 40 });
      await assert.rejects(client.takeDatagrams(c, 1), /ECONNREFUSED/);
    }
  }
  await rig.nextWindow();
  await rig.nextWindow();
  await rig.stop();
  const sum = { ...noUdp, opened: 3, refused: 3, bytesSent: 120, datagramsSent: 3 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress 127.0.0.1 5309': sum,
    'client egress ::1 5309': sum,
  });
});

test('refused, a socket that is not connected is not told, and its flow ends closed', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const client = await at.actor('client');
  for (const ip of ['127.0.0.1', '::1']) {
    const c = await client.socket(ip === '::1' ? 'udp6' : 'udp4');
    for (let i = 0; i < 3; i++)
      await client.sendDatagrams(c, { count: 1, bytes: 40, to: { ip, port: 5309 } });
    await client.close(c);
  }
  await rig.nextWindow();
  await rig.nextWindow();
  await rig.stop();
  assert.equal(at.unreachablesSent(), 6, 'each was refused');
  const sum = { ...noUdp, opened: 1, closed: 1, bytesSent: 120, datagramsSent: 3 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress 127.0.0.1 5309': sum,
    'client egress ::1 5309': sum,
  });
});

test(
  'behind address translation a connected socket\u2019s flow has the address that it asked for',
  limit,
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startUdpRig(at);
    const rule = 'ip daddr 127.0.0.9 udp dport 53 dnat to 127.0.0.1:5300';
    await at.nft(`table ip lab { chain out { type nat hook output priority -100; ${rule}; }; }`);
    const { server, s } = await bound(at, '127.0.0.1', 5300);
    const client = await at.actor('client');
    const c = await client.socket('udp4');
    await client.connect(c, { ip: '127.0.0.9', port: 53 });
    await client.sendDatagrams(c, { count: 2, bytes: 3 });
    await server.takeDatagrams(s, 2, 4);
    await client.takeDatagrams(c, 2);
    await client.close(c);
    await server.close(s);
    await rig.nextWindow();
    await rig.stop();
    const sum = { ...noUdp, opened: 1, closed: 1, datagramsSent: 2, datagramsReceived: 2 };
    assert.deepEqual(udpSums(rig.flows()), {
      'client egress 127.0.0.9 53': { ...sum, bytesSent: 6, bytesReceived: 8 },
      'server ingress 127.0.0.1 5300': { ...sum, bytesSent: 8, bytesReceived: 6 },
    });
  },
);

test('quiet for too long it has ended; the next datagram opens another', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at, { udp_idle: '1s' });
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const send = () => client.sendDatagrams(c, { count: 1, bytes: 1, to: { ip: '127.0.0.1', port: 5300 } });
  await send();
  assert.ok(await eventually(() => rig.windows.some(({ udp }) => udp['ended'] === 2), 20_000));
  await send();
  await server.takeDatagrams(s, 2);
  await rig.nextWindow();
  await rig.stop();
  const sum = { ...noUdp, opened: 2, closed: 1 };
  assert.deepEqual(udpSums(rig.flows()), {
    'client egress 127.0.0.1 5300': { ...sum, abandoned: 1, bytesSent: 2, datagramsSent: 2 },
    'server ingress 127.0.0.1 5300': { ...sum, abandoned: 1, bytesReceived: 2, datagramsReceived: 2 },
  });
});
