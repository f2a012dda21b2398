/** What records say of the other end, of real connections made after real lookups, translated by a real kernel. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { routedAddress, type Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { FarLabels } from '../src/model/far.ts';
import type { ConnectionRecord, FlowRecord } from '../src/model/record.ts';
import { workplace } from './daemons.ts';
import { bind, dnsmasq } from './resolvers.ts';
import { eventually, startRig, type Rig } from './rig.ts';

const { v4: server, v6: serverV6 } = routedAddress.right;
const { v4: gateway } = routedAddress.leftGateway;
const port = 8080;
const patienceMs = 30_000;
const settings = { window: '500ms', profile: 'full', signals: { dns: 'on' } };

type Told = Partial<Record<keyof FarLabels, unknown>>;

function farOf(record: FlowRecord | ConnectionRecord | undefined): Told {
  assert.ok(record);
  const names = /^(destination\.(name|scope|zone|service|as|geo|translated|redirected)|boundary)/;
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.test(name)));
}

/** Where its names are asked of `nameserver`. */
async function runs(at: Namespace, folder: string, nameserver: string, script: string): Promise<void> {
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${nameserver}\n`);
  const mount = `mount --bind ${folder}/resolv.conf /etc/resolv.conf`;
  await at.run(['unshare', '-m', 'sh', '-c', `${mount} && exec bash -c '${script}'`]);
}

/** By address alone, in a process that is no shell. */
async function connects(at: Namespace, ip: string, to: number): Promise<void> {
  const client = await at.actor('literal');
  const socket = await client.socket(ip.includes(':') ? 'tcp6' : 'tcp4');
  await client.connect(socket, { ip, port: to });
  await client.close(socket);
}

async function flow(rig: Rig, process: string, ip: string): Promise<FlowRecord | undefined> {
  const found = () =>
    rig
      .flows()
      .find(
        (row) =>
          row['process.name'] === process && row['destination.ip'] === ip && row.direction === 'egress',
      );
  assert.ok(await eventually(() => found() !== undefined, patienceMs), `${process} to ${ip}`);
  return found();
}

test(
  'a name is theirs who asked for it, with a weaker source that of others, and of no other address',
  { timeout: 120_000 },
  async () => {
    await using stage = new Stage();
    const { left, right } = await stage.routed();
    using folder = workplace();
    await using _named = await bind(right, folder, [53]);
    await using _stub = await dnsmasq(left, server);
    for (const ip of [server, serverV6]) await stage.listening({ at: right, ip, port });
    const networks = [{ cidr: 'fd31:2::/64', name: 'lab-six', zone: 'partner' }];
    await using rig = await startRig({
      ...settings,
      networks,
      zone: 'cloud',
      namespaces: [left.path, right.path],
    });
    await rig.nextWindow();

    await runs(left, folder.path, '127.0.0.53', `exec 3<>/dev/tcp/ns.lab.test/${String(port)}`);
    await connects(left, server, port);
    await connects(left, serverV6, port);
    await assert.rejects(connects(left, gateway, port));

    const service = { 'destination.service': 'http-alt' };
    const named = { 'destination.name': 'ns.lab.test', 'destination.scope': 'private', ...service };
    const asked = { ...named, 'destination.name.source': 'dns' };
    const others = { ...named, 'destination.name.source': 'dns_node' };
    assert.deepEqual(farOf(await flow(rig, 'bash', server)), asked);
    assert.deepEqual(farOf(await flow(rig, 'literal', server)), others);
    assert.deepEqual(farOf(await flow(rig, 'literal', gateway)), {
      'destination.scope': 'private',
      ...service,
    });
    assert.deepEqual(farOf(await flow(rig, 'literal', serverV6)), {
      'destination.name': 'lab-six',
      'destination.name.source': 'static',
      'destination.scope': 'private',
      'destination.zone': 'partner',
      'boundary.crossed': true,
      ...service,
    });
    const event = (process: string) =>
      rig.connections.find((of) => of['process.name'] === process && of['destination.ip'] === server);
    assert.deepEqual(farOf(event('bash')), asked);
    assert.deepEqual(farOf(event('literal')), others);
    const served = rig.flows().find((row) => row.direction === 'ingress' && row['destination.ip'] === server);
    assert.deepEqual(farOf(served), { 'destination.scope': 'private' });
    await rig.stop();
  },
);

test('where this node translates it to, and by which proxy', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  const chain = 'chain output { type nat hook output priority -100;';
  await left.nft(`table ip nat { ${chain}
    ip daddr 10.96.0.10 tcp dport 80 dnat to ${server}:${String(port)}
    ip daddr ${server} tcp dport 443 redirect to :15001
  }
  }`);
  await stage.listening({ at: right, ip: server, port });
  await stage.listening({ at: left, ip: '127.0.0.1', port: 15_001 });
  await using rig = await startRig({ ...settings, namespaces: [left.path] });
  await rig.nextWindow();

  await connects(left, '10.96.0.10', 80);
  await connects(left, server, 443);

  assert.deepEqual(farOf(await flow(rig, 'literal', '10.96.0.10')), {
    'destination.scope': 'private',
    'destination.service': 'http',
    'destination.translated.ip': server,
    'destination.translated.port': port,
  });
  assert.deepEqual(farOf(await flow(rig, 'literal', server)), {
    'destination.scope': 'private',
    'destination.service': 'https',
    'destination.translated.ip': '127.0.0.1',
    'destination.translated.port': 15_001,
    'destination.redirected_by': 'envoy',
  });
  await rig.stop();
});
