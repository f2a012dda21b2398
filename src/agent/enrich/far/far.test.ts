import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as z from 'zod';
import { mmdbFile } from '../../../../test/mmdb-file.ts';
import { manualClock, systemClock } from '../../../lib/clock.ts';
import type { ClusterAddresses, Translation } from '../../../model/far.ts';
import { farSchema } from './config.ts';
import type { FarEnd } from './ends.ts';
import { openFar, type FarOptions } from './far.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-far-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const file = join(folder, 'as.mmdb');

const hostInode = 1;
/** Of namespace numbers. */
const inodes = [0, hostInode, 2] as const;
const inode = (netns: number): number => inodes[netns] ?? 0;

function systems(org: string): Buffer {
  return mmdbFile('Lab', {
    '93.184.0.0/16': { autonomous_system_number: 64_500, autonomous_system_organization: org },
  });
}

interface Change {
  readonly config?: z.input<z.ZodObject<typeof farSchema>>;
  readonly cluster?: ClusterAddresses;
  readonly ask?: FarOptions['ask'];
}

async function open({ config = {}, cluster, ask }: Change = {}) {
  const it = { own: new Set(['127.0.0.1', '10.0.0.1']), warned: [] as string[] };
  const clock = manualClock();
  const far = await openFar({
    config: {
      ...z.object(farSchema).parse(config),
      window: 10_000,
      limits: { address_names: 1024 },
    },
    clock,
    log: { info: () => undefined, warn: (line) => it.warned.push(line) },
    inode,
    hostInode,
    ask: ask ?? (() => Promise.resolve({ found: [], cut: false })),
    cluster,
    ownAddresses: () => it.own,
  });
  return { far, clock, it };
}

const end = (change: Partial<FarEnd> = {}): FarEnd => ({
  netns: 2,
  owner: 3,
  direction: 'egress',
  transport: 'tcp',
  remote: '10.0.0.2',
  port: 443,
  ...change,
});

const https = { 'destination.service': 'https' } as const;
const answer = (address: string, owner = 3) =>
  ({ netns: 2, owner, name: 'a.example', atMs: 0, addresses: [{ address, ttlSeconds: 60 }] }) as const;

describe('an address', () => {
  test('has its scope; on egress the port has its service', async () => {
    const { far } = await open();
    assert.deepEqual(far.labels(end()), { 'destination.scope': 'private', ...https });
    assert.deepEqual(far.labels(end({ remote: '10.0.0.1' })), { 'destination.scope': 'node', ...https });
    assert.deepEqual(far.labels(end({ port: 40_000 })), { 'destination.scope': 'private' });
    assert.deepEqual(far.labels(end({ direction: 'ingress' })), { 'destination.scope': 'private' });
    assert.deepEqual(far.labels(end({ remote: null })), {});
  });

  test('that this host gets or loses is looked at again with the window', async () => {
    const { far, it } = await open();
    assert.equal(far.labels(end())['destination.scope'], 'private');
    it.own = new Set(['10.0.0.2']);
    await far.look([]);
    assert.equal(far.labels(end())['destination.scope'], 'node');
  });

  test('that is a network only has what holds for all of it', async () => {
    const networks = [
      { cidr: '10.0.0.0/25', name: 'half' },
      { cidr: '10.0.0.0/16', zone: 'on-prem' },
    ];
    const { far } = await open({ config: { networks, zone: 'cloud' } });
    far.heard(answer('10.0.0.0'));
    assert.deepEqual(far.labels(end({ remote: '10.0.0.0/24' })), {
      'destination.scope': 'private',
      'destination.zone': 'on-prem',
      'boundary.crossed': true,
      ...https,
    });
  });
});

describe('a name', () => {
  test('is of who asked; the node’s is weaker; a caller has none by DNS', async () => {
    const { far } = await open();
    far.heard(answer('93.184.0.1'));
    const labels = (change: Partial<FarEnd>) => far.labels(end({ remote: '93.184.0.1', ...change }));
    assert.deepEqual(labels({}), {
      'destination.name': 'a.example',
      'destination.name.source': 'dns',
      'destination.scope': 'public',
      ...https,
    });
    assert.equal(labels({ owner: 4 })['destination.name.source'], 'dns_node');
    assert.deepEqual(labels({ direction: 'ingress' }), { 'destination.scope': 'public' });
  });

  test('ends with its time', async () => {
    const { far, clock } = await open();
    far.heard(answer('93.184.0.1'));
    await clock.advance(60_001);
    assert.deepEqual(far.labels(end({ remote: '93.184.0.1' })), { 'destination.scope': 'public', ...https });
  });

  test('of the operator goes before the cluster’s, and that before one by DNS', async () => {
    const at = (ip: string) =>
      ip === '10.0.0.2' || ip === '10.0.0.3'
        ? { name: 'db-0', namespace: 'shop', kind: 'pod', ...(ip === '10.0.0.3' ? { service: 'db' } : {}) }
        : undefined;
    const networks = [{ cidr: '10.0.0.2/32', name: 'payments-db' }];
    const { far } = await open({ config: { networks }, cluster: { at } });
    for (const ip of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) far.heard(answer(ip));
    const named = (remote: string) => {
      const labels = far.labels(end({ remote }));
      return [labels['destination.name'], labels['destination.name.source'], labels['destination.scope']];
    };
    assert.deepEqual(named('10.0.0.2'), ['payments-db', 'static', 'cluster']);
    assert.deepEqual(named('10.0.0.3'), ['db.shop', 'k8s', 'cluster']);
    assert.deepEqual(named('10.0.0.4'), ['a.example', 'dns', 'private']);
  });
});

describe('a border', () => {
  const networks = [
    { cidr: '10.0.0.0/24', zone: 'on-prem' },
    { cidr: '10.9.0.0/16', zone: 'cloud' },
  ];
  const crossed = (labels: object) => 'boundary.crossed' in labels;

  test('is crossed where both zones are known and differ; the node’s is that of its addresses', async () => {
    const { far, it } = await open({ config: { networks } });
    assert.equal(far.status().zone, 'on-prem');
    assert.equal(crossed(far.labels(end({ remote: '10.9.0.1' }))), true);
    assert.equal(crossed(far.labels(end({ remote: '10.0.0.9' }))), false);
    assert.equal(crossed(far.labels(end({ remote: '192.168.0.1' }))), false);
    it.own = new Set(['10.9.0.7']);
    await far.look([]);
    assert.equal(crossed(far.labels(end({ remote: '10.9.0.1' }))), false);
    it.own = new Set(['10.9.0.7', '10.0.0.1']);
    await far.look([]);
    assert.equal(far.status().zone, null);
    assert.equal(crossed(far.labels(end({ remote: '10.9.0.1' }))), false);
  });

  test('or as configured', async () => {
    const { far } = await open({ config: { networks, zone: 'cloud' } });
    assert.equal(crossed(far.labels(end({ remote: '10.9.0.1' }))), false);
    assert.equal(crossed(far.labels(end({ remote: '10.0.0.9' }))), true);
  });
});

describe('databases', () => {
  test('tell of public addresses, and of a file that replaces another; trouble is said once', async () => {
    writeFileSync(file, systems('one'));
    const { far, it } = await open({ config: { databases: { as: file } } });
    const org = () => far.labels(end({ remote: '93.184.0.1' }))['destination.as.org'];
    assert.equal(org(), 'one');
    const replaced = async (bytes: Buffer): Promise<void> => {
      writeFileSync(`${file}.new`, bytes);
      renameSync(`${file}.new`, file);
      const before = JSON.stringify([org(), far.status()]);
      for (let i = 0; i < 10_000 && JSON.stringify([org(), far.status()]) === before; i++) {
        await far.look([]);
        await systemClock.sleep(1);
      }
    };
    await replaced(systems('two'));
    assert.equal(org(), 'two');
    await replaced(Buffer.from('nothing of the kind'));
    for (let i = 0; i < 20; i++) await far.look([]);
    assert.equal(org(), 'two');
    assert.equal(far.status().databases.as?.problem, 'it is no MMDB file, or was cut');
    assert.deepEqual(it.warned, [`${file} cannot be used (it is no MMDB file, or was cut)`]);
    await replaced(systems('three'));
    assert.deepEqual([org(), far.status().databases.as?.problem], ['three', null]);
  });
});

describe('a translation', () => {
  const to = (ip: string, port: number): Translation => ({
    transport: 'tcp',
    ip: '10.0.0.2',
    port: 443,
    translated: { ip, port },
  });
  const translatedTo = { 'destination.translated.ip': '10.1.0.1', 'destination.translated.port': 8443 };
  const asking = (found: Readonly<Record<number, readonly Translation[]>>) => {
    const asked: number[] = [];
    const ask = (of: number) => {
      asked.push(of);
      return Promise.resolve({ found: found[of] ?? [], cut: false });
    };
    return { asked, ask };
  };

  test('is told of the window whose rows were looked at', async () => {
    const { ask, asked } = asking({ 2: [to('10.1.0.1', 8443)] });
    const { far } = await open({ ask });
    await far.look([end()]);
    assert.deepEqual(asked, [hostInode, 2]);
    assert.deepEqual(far.labels(end()), { 'destination.scope': 'private', ...https, ...translatedTo });
    await far.look([]);
    assert.deepEqual(far.labels(end()), { 'destination.scope': 'private', ...https });
  });

  test('of the host is told of namespaces for which it routes', async () => {
    const { far } = await open(asking({ [hostInode]: [to('10.1.0.1', 8443)] }));
    await far.look([end()]);
    assert.equal(far.labels(end())['destination.translated.ip'], '10.1.0.1');
  });

  test('to several is none; of others, of callers and of public addresses nobody is asked', async () => {
    const { ask, asked } = asking({ 2: [to('10.1.0.1', 8443), to('10.1.0.2', 8443)] });
    const { far } = await open({ ask });
    await far.look([end({ direction: 'ingress' }), end({ remote: '93.184.0.1' }), end({ remote: null })]);
    assert.deepEqual(asked, []);
    await far.look([end()]);
    assert.equal(far.labels(end())['destination.translated.ip'], undefined);
  });

  test('to a proxy on loopback names it', async () => {
    const { far } = await open(asking({ 2: [to('127.0.0.1', 15_001)] }));
    await far.look([end()]);
    assert.equal(far.labels(end())['destination.redirected_by'], 'envoy');
    const other = await open(asking({ 2: [to('10.1.0.1', 15_001)] }));
    await other.far.look([end()]);
    assert.equal(other.far.labels(end())['destination.redirected_by'], undefined);
  });
});

test('equal labels are one object', async () => {
  const { far } = await open();
  assert.equal(far.labels(end()), far.labels(end({ owner: 9 })));
});
