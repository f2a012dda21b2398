import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { formatOperatorError, isOperatorError } from '../lib/errors.ts';
import { parseConfig, readConfig, type AgentConfig } from './config.ts';

const fixtures = join(import.meta.dirname, 'testdata/config');
const named = (folder: string): string[] =>
  readdirSync(join(fixtures, folder)).filter((name) => name.endsWith('.yaml'));

const defaults: AgentConfig = {
  instance: 'main',
  window: 10_000,
  profile: 'failures',
  signals: {},
  slow: 1000,
  dns: { ports: [53, 5353], timeout: 6000 },
  udp_idle: 60_000,
  command_line: 'off',
  container_sockets: { docker: '/run/docker.sock', podman: '/run/podman/podman.sock' },
  kubernetes: { access: 'off', labels: [], annotations: [], owner: {}, destinations: 'pods' },
  ownership: [],
  networks: [],
  databases: {},
  policy: { preset: 'full', fields: {}, prefix_ipv4: 24, prefix_ipv6: 48 },
  standard: { required: [], values: {}, patterns: {} },
  budget: { cpu: 0.25, memory: 512e6 },
  limits: {
    flow_rows: 65_536,
    udp_flows: 32_768,
    event_buffer: 4 << 20,
    owners: 4096,
    network_namespaces: 1024,
    cluster_addresses: 10_000,
    events_per_second: 1000,
    orphan_max: 3_600_000,
    dns_messages_per_second: 5000,
    dns_names: 2000,
    address_names: 16_384,
    trace_events_per_second: 20_000,
  },
  spool: { max_size: 256e6, drain: 5000 },
  exporters: {},
};

const jsonl = { path: '-', max_size: 1e8, keep: 5, names: 'canonical' };

/** What each good file means. */
const meanings: Readonly<Record<string, AgentConfig>> = {
  'empty.yaml': defaults,
  'first.yaml': {
    ...defaults,
    environment: 'production',
    exporters: { jsonl: { ...jsonl, path: '/var/log/sonde/flows.jsonl' } },
  },
  'every-key.yaml': {
    instance: 'blue-2',
    environment: 'lab',
    window: 100,
    profile: 'full',
    questions: ['timeouts'],
    signals: { retransmits: 'off' },
    namespaces: ['host', 'pid:42', 'blue', '/run/docker/netns/1a2b'],
    slow: 250,
    dns: { ports: [53, 8053], timeout: 2500 },
    udp_idle: 5000,
    command_line: 'redacted',
    container_sockets: { docker: '/var/run/docker.sock', podman: 'off' },
    kubernetes: {
      access: '/etc/sonde/kubeconfig',
      context: 'sonde@blue',
      node: 'n1.example',
      cluster: 'blue',
      labels: ['app.kubernetes.io/version', 'tier'],
      annotations: ['example.com/cost-centre'],
      owner: { label: 'team', annotation: 'example.com/owner' },
      destinations: 'services',
    },
    ownership: [
      {
        id: 'payments',
        match: {
          process: ['payd'],
          executable: ['/opt/pay/*', '/usr/lib/pay/*'],
          unit: ['pay@*.service'],
          cgroup: ['/pay.slice/*'],
          container: ['9bca8d63*'],
          image: ['registry.example/pay/*'],
          pod: ['72f7f152-*'],
          namespace: ['shop'],
          user: ['pay', 4711],
          port: [
            { from: 8443, to: 8443 },
            { from: 9000, to: 9099 },
          ],
        },
        name: 'payments',
        owner: 'team-pay',
        environment: 'production',
        labels: { tier: 'gold' },
      },
      { id: 'the-rest', match: { user: ['*'] }, owner: 'operations' },
    ],
    networks: [
      { cidr: '10.20.0.0/16', name: 'payments-db', zone: 'on-prem' },
      { cidr: '2001:db8::/32', zone: 'partner' },
    ],
    zone: 'cloud',
    databases: { as: '/var/lib/mmdb/as.mmdb', country: '/var/lib/mmdb/country.mmdb' },
    policy: {
      preset: 'standard',
      version: 'lab-2',
      fields: { 'process.parent.name': 'hash', 'user.id': 'drop', 'cgroup.path': 'drop' },
      key_file: '/etc/sonde/policy.key',
      prefix_ipv4: 16,
      prefix_ipv6: 64,
    },
    standard: {
      required: ['workload.owner', 'labels.tier'],
      values: { environment: ['production', 'lab'] },
      patterns: { 'workload.owner': '^team-' },
    },
    budget: { cpu: 0.15, memory: 200e6 },
    limits: {
      flow_rows: 1024,
      udp_flows: 64,
      event_buffer: 256 << 20,
      owners: 64,
      network_namespaces: 16_384,
      cluster_addresses: 200_000,
      events_per_second: 1,
      orphan_max: 90_000,
      dns_messages_per_second: 100,
      dns_names: 16,
      address_names: 256,
      trace_events_per_second: 1_000_000,
    },
    spool: { max_size: 1e6, drain: 0 },
    exporters: { jsonl: { path: '-', max_size: 1.5e9, keep: 0, names: 'otel' } },
  },
};

async function problemOf(file: string): Promise<string> {
  try {
    await readConfig(file);
  } catch (error) {
    assert.ok(isOperatorError(error) && error.code === 'config.invalid', String(error));
    const line = formatOperatorError(error);
    assert.ok(!line.includes('\n'));
    return String(error.parameters['problem']);
  }
  return assert.fail(`${file} was taken`);
}

describe('good files', () => {
  test('each has its meaning here', () =>
    assert.deepEqual(named('good').sort(), Object.keys(meanings).sort()));
  for (const [name, meaning] of Object.entries(meanings)) {
    test(name, async () => assert.deepEqual(await readConfig(join(fixtures, 'good', name)), meaning));
  }
});

describe('bad files', () => {
  for (const name of named('bad')) {
    test(name, async () => {
      const expected = readFileSync(
        join(fixtures, 'bad', `${basename(name, '.yaml')}.txt`),
        'utf8',
      ).trimEnd();
      assert.equal(await problemOf(join(fixtures, 'bad', name)), expected);
    });
  }
});

describe('reading', () => {
  test('a file that is not there, and one that is a folder', async () => {
    for (const [file, reason] of [
      [join(fixtures, 'nothing.yaml'), /ENOENT/],
      [fixtures, /EISDIR/],
    ] as const) {
      await assert.rejects(readConfig(file), (error) => {
        assert.ok(isOperatorError(error) && error.code === 'config.unreadable');
        assert.match(formatOperatorError(error), reason);
        return true;
      });
    }
  });

  test('aliases that grow without end are refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-config-'));
    try {
      const file = join(folder, 'bomb.yaml');
      const levels = Array.from(
        { length: 9 },
        (_, i) => `k${i + 1}: &k${i + 1} [${`*k${i}, `.repeat(9)}*k${i}]`,
      );
      writeFileSync(file, ['k0: &k0 [a, a, a, a, a, a, a, a, a]', ...levels].join('\n'));
      assert.match(await problemOf(file), /alias/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the message names where the value came from', async () => {
  await assert.rejects(
    parseConfig({ window: 'soon' }, 'the options'),
    /^OperatorError: the options: window: must be between/,
  );
});
