import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { isOperatorError } from '../lib/errors.ts';
import { renderHubConfigReference, renderHubSchema } from './config-reference.ts';
import { dataFolder, parseHubConfig, readHubConfig, type HubConfig } from './config.ts';

const fixtures = join(import.meta.dirname, 'testdata/config');
const named = (folder: string): string[] =>
  readdirSync(join(fixtures, folder)).filter((name) => name.endsWith('.yaml'));

const [hourMs, dayMs] = [3_600_000, 86_400_000];

const defaults: HubConfig = {
  listen: { host: '127.0.0.1', port: 7400 },
  embedded: { memory: 1 << 30, disk: { share: 0.75 }, disk_free: { bytes: 1 << 30 } },
  retention: { flows: 3 * dayMs, minutes: 30 * dayMs, hours: 400 * dayMs, events: 3 * dayMs },
  limits: {
    request: 16 << 20,
    inflated: 64 << 20,
    in_flight: 256 << 20,
    journal: 2 * 2 ** 30,
    request_time: 30_000,
    stop_time: 5000,
  },
  detect: { enabled: true, zone: 'UTC', history: 0, findings_per_day: 20, deliver: [], mute: [] },
};

/** What each good file means. */
const meanings: Readonly<Record<string, HubConfig>> = {
  'empty.yaml': defaults,
  'first.yaml': {
    ...defaults,
    embedded: { ...defaults.embedded, memory: 2 * 2 ** 30 },
    retention: { ...defaults.retention, flows: 7 * dayMs },
  },
  'every-key.yaml': {
    listen: { host: '::1', port: 7500 },
    data: '/srv/sonde',
    store: {
      url: 'https://clickhouse.example:8443',
      username: 'sonde',
      password_file: '/etc/sonde/password',
      database: 'network',
      cluster: { name: 'main', urls: ['https://a.example:8443', 'https://b.example:8443'] },
      ask: { username: 'reader', password_file: '/etc/sonde/reader' },
      disk: { bytes: 500e9 },
    },
    embedded: { memory: 256 << 20, disk: { bytes: 50 * 2 ** 30 }, disk_free: { share: 0.05 } },
    retention: { flows: dayMs, minutes: 10 * dayMs, hours: 100 * dayMs, events: 12 * hourMs },
    limits: {
      request: 1 << 20,
      inflated: 8 << 20,
      in_flight: 16 << 20,
      journal: 100 << 20,
      request_time: 5000,
      stop_time: 1000,
    },
    expectations: { files: '/etc/sonde/expectations.d' },
    detect: {
      enabled: true,
      zone: 'UTC',
      history: 0,
      findings_per_day: 5,
      deliver: [
        { name: 'chat', kind: 'slack', url_file: '/etc/sonde/chat', severity: 'critical', closed: false },
        {
          name: 'alerts',
          kind: 'alertmanager',
          url: 'https://alerts.example',
          token_file: '/etc/sonde/token',
          severity: 'warning',
          closed: true,
        },
      ],
      mute: [
        {
          question: '*',
          labels: { 'process.name': 'backup*' },
          until: Date.parse('2027-03-31'),
          reason: 'the nightly backup',
        },
      ],
    },
  },
};

describe('good files', () => {
  test('each has its meaning here', () =>
    assert.deepEqual(named('good').sort(), Object.keys(meanings).sort()));
  for (const [name, meaning] of Object.entries(meanings)) {
    test(name, () => assert.deepEqual(readHubConfig(join(fixtures, 'good', name)), meaning));
  }
});

describe('bad files', () => {
  for (const name of named('bad')) {
    test(name, () => {
      const message = readFileSync(join(fixtures, 'bad', `${basename(name, '.yaml')}.txt`), 'utf8').trimEnd();
      assert.throws(
        () => readHubConfig(join(fixtures, 'bad', name)),
        (error) => {
          assert.ok(isOperatorError(error) && error.code === 'config.invalid', String(error));
          assert.equal(error.parameters['problem'], message);
          return true;
        },
      );
    });
  }
});

test('the data folder: as configured, else below SONDE_STATE', () => {
  const folder = (value: unknown, environment: NodeJS.ProcessEnv) =>
    dataFolder(parseHubConfig(value, 'the test'), environment);
  assert.equal(folder({ data: '/srv/sonde' }, { SONDE_STATE: '/state' }), '/srv/sonde');
  assert.equal(folder({}, { SONDE_STATE: '/state' }), '/state/hub');
  assert.equal(folder({}, {}), '/var/lib/sonde/hub');
});

describe('the reference of hub.yaml', () => {
  const page = (name: string): string =>
    readFileSync(join(import.meta.dirname, '../../docs/reference', name), 'utf8');

  test('is up to date (npm run docs)', () => {
    assert.equal(page('hub-config.md'), renderHubConfigReference());
    assert.equal(page('hub.schema.json'), renderHubSchema());
  });

  test('says of each key what it means', () => {
    const rows = renderHubConfigReference().match(/^\| `.*$/gm) ?? [];
    assert.ok(rows.length > 20);
    for (const row of rows) assert.match(row, /^\| `[\w.[\]]+` \| \w/);
  });
});
