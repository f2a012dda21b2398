import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { formatOperatorError } from '../../../lib/errors.ts';
import { fieldRules, policyPresets, policyProblem, type FieldActions } from '../../../model/policy.ts';
import { labels } from '../../../model/labels.ts';
import { node, row, under } from '../../../../test/observations.ts';
import { policySchema, type PolicyConfig } from './config.ts';
import { hasherOf, hashLimits, readKey } from './hash.ts';
import { openPolicy } from './policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-policy-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const key = 'k'.repeat(hashLimits.keyBytesMin);

function keyFile(name: string, content: string | Buffer = key, mode = 0o600): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

const keyPath = keyFile('key');
const policy = (fields: FieldActions, more: Partial<PolicyConfig> = {}) =>
  openPolicy({ ...policySchema.parse({}), fields, key_file: keyPath, ...more });

const hashed = (value: string): string => {
  const hmac = (text: string): string => createHmac('sha256', key).update(text).digest('hex');
  return `hmac-${hmac('sonde: which key').slice(0, 4)}-${hmac(value).slice(0, 16)}`;
};

describe('a field', () => {
  const cases: readonly (readonly [
    name: string,
    action: string,
    from: unknown,
    to: unknown,
    form?: string,
  ])[] = [
    ['destination.ip', 'truncate', '203.0.113.77', '203.0.113.0/24', 'prefix'],
    ['destination.ip', 'truncate', '10.1.2.3', '10.1.2.0/24', 'prefix'],
    ['destination.ip', 'truncate', '2001:db8:1:2::3', '2001:db8:1::/48', 'prefix'],
    ['destination.ip', 'truncate', '203.0.113.0/28', '203.0.113.0/24', 'prefix'],
    ['destination.ip', 'truncate', '203.0.0.0/16', '203.0.0.0/16'],
    ['destination.ip', 'truncate', '0.0.0.0/0', '0.0.0.0/0'],
    ['destination.ip', 'truncate', '127.0.0.1', '127.0.0.1'],
    ['destination.ip', 'truncate', '::', '::'],
    ['destination.ip', 'truncate', 'unknown', 'unknown'],
    ['destination.ip', 'truncate_public', '10.1.2.3', '10.1.2.3'],
    ['destination.ip', 'truncate_public', '203.0.113.77', '203.0.113.0/24', 'prefix'],
    ['destination.ip', 'hash', '203.0.113.77', hashed('203.0.113.77'), 'hashed'],
    ['destination.ip', 'hash', '::/0', '::/0'],
    ['source.ip', 'drop', '10.0.0.1', undefined],
    ['process.name', 'truncate', 'postgres: alice', 'postgres', 'prefix'],
    ['process.name', 'truncate', 'kworker/3:1', 'kworker', 'prefix'],
    ['process.name', 'truncate', '(sd-pam)', 'sd-pam', 'prefix'],
    ['process.name', 'truncate', 'nginx', 'nginx'],
    ['process.name', 'truncate', 'кот', 'unknown', 'prefix'],
    ['process.name', 'hash', 'nginx', hashed('nginx'), 'hashed'],
    ['process.name', 'hash', 'unknown', 'unknown'],
    ['host.name', 'truncate', 'web-1.fra.example.com', 'example.com', 'domain'],
    ['host.name', 'truncate', 'web-1', 'unknown', 'domain'],
    ['dns.question.name', 'truncate', 'a.b.example.co.uk', 'example.co.uk', 'domain'],
    ['dns.question.name', 'truncate', 'www.t.co', 't.co', 'domain'],
    ['dns.question.name', 'truncate', 'alice.github.io', 'github.io', 'domain'],
    ['dns.question.name', 'truncate', '*.example.com', 'example.com', 'domain'],
    ['dns.question.name', 'truncate', 'co.uk', 'co.uk', 'domain'],
    ['dns.question.name', 'truncate', 'db7.prod.internal', 'internal', 'domain'],
    ['dns.question.name', 'truncate', 'alice-laptop.local', 'local', 'domain'],
    ['dns.question.name', 'truncate', '_ldap._tcp.dc.example.com', 'example.com', 'domain'],
    ['dns.question.name', 'truncate', '7.113.0.203.in-addr.arpa', 'in-addr.arpa', 'domain'],
    ['dns.question.name', 'truncate', 'wpad', '*', 'domain'],
    ['dns.question.name', 'truncate', '*', '*'],
    ['dns.question.name', 'truncate', '.', '.'],
    ['dns.question.name', 'drop', 'www.example.com', '*'],
    ['dns.answers', 'truncate', ['203.0.113.7', '203.0.113.8'], ['203.0.113.0/24']],
    ['dns.answers', 'hash', ['203.0.113.7'], [hashed('203.0.113.7')]],
    ['user.id', 'drop', 1000, undefined],
  ];
  for (const [name, action, from, to, form] of cases) {
    test(`${name}: ${action} of ${JSON.stringify(from)}`, async () => {
      const { apply } = await policy({ [name]: action } as FieldActions);
      const expected = {
        ...(to === undefined ? {} : { [name]: to }),
        ...(form ? { [`${name}.form`]: form } : {}),
      };
      assert.deepEqual(apply({ [name]: from, attribution: 'exact' }), { ...expected, attribution: 'exact' });
    });
  }

  test('a form that was there is the new one, or goes with its field', async () => {
    const before = { 'source.ip': '10.0.0.1', 'source.ip.form': 'exact' };
    assert.deepEqual((await policy({ 'source.ip': 'drop' })).apply(before), {});
    const { apply } = await policy({ 'source.ip': 'hash' });
    assert.equal(apply(before)['source.ip.form'], 'hashed');
  });

  test('lengths of prefixes are the configuration’s', async () => {
    const { apply } = await policy({ 'source.ip': 'truncate' }, { prefix_ipv4: 16, prefix_ipv6: 32 });
    const cut = (address: string): string => apply({ 'source.ip': address })['source.ip'];
    assert.equal(cut('203.0.113.7'), '203.0.0.0/16');
    assert.equal(cut('2001:db8:1::1'), '2001:db8::/32');
  });

  test('the hash of a value is what openssl says, in whatever field', async () => {
    const { apply } = await policy({ 'source.ip': 'hash', 'destination.ip': 'hash' });
    const both = apply({ 'source.ip': '10.0.0.1', 'destination.ip': '10.0.0.1' });
    assert.equal(both['source.ip'], both['destination.ip']);
    assert.equal(both['source.ip'], hashed('10.0.0.1'));
  });
});

describe('the rules', () => {
  test('every preset is sound', () => {
    for (const preset of policyPresets) assert.equal(policyProblem(preset, {}), undefined, preset);
    for (const { name, actions, presets } of fieldRules)
      for (const preset of policyPresets) assert.ok(actions.includes(presets[preset]), `${name} ${preset}`);
  });

  test('the seven required labels cannot be dropped, and four of them are kept', () => {
    const required = new Set(labels.filter((label) => label.required).map(({ name }) => name));
    const rules = fieldRules.filter(({ name }) => required.has(name));
    assert.equal(rules.length, 7);
    for (const { name, actions } of rules) assert.ok(!actions.includes('drop'), name);
    const changeable = rules.filter(({ actions }) => actions.length > 1).map(({ name }) => name);
    assert.deepEqual(changeable, ['host.name', 'process.name', 'destination.ip']);
  });

  test('what one field hides another must not tell', () => {
    const problem = (fields: FieldActions) => policyProblem('full', fields)?.field;
    assert.equal(problem({ 'process.name': 'hash' }), 'process.executable.path');
    const noPath: FieldActions = { 'process.name': 'hash', 'process.executable.path': 'drop' };
    assert.equal(problem(noPath), 'process.command_line');
    assert.equal(problem({ ...noPath, 'process.command_line': 'drop' }), undefined);
    assert.equal(problem({ 'container.name': 'hash' }), 'workload.name');
    assert.equal(problem({ 'workload.owner': 'drop' }), 'workload.rule');
    assert.equal(problem({ 'user.id': 'drop' }), 'cgroup.path');
    assert.equal(problem({ 'destination.ip': 'truncate', 'source.ip': 'truncate_public' }), 'source.ip');
    assert.equal(
      problem({ 'destination.ip': 'hash', 'source.ip': 'truncate', 'dns.answers': 'truncate' }),
      'destination.translated.ip',
    );
    assert.equal(
      problem({
        'destination.ip': 'hash',
        'source.ip': 'truncate',
        'dns.answers': 'truncate',
        'destination.translated.ip': 'truncate',
      }),
      undefined,
    );
  });
});

describe('labels of the other end', () => {
  const dns = { 'destination.name': 'db7.prod.example.com', 'destination.name.source': 'dns_node' } as const;
  const given = { 'destination.name': 'payments-db', 'destination.name.source': 'static' } as const;

  test('are looked at once, and have a key of their own', async () => {
    const { far } = await policy({}, { preset: 'standard' });
    const labels = { ...dns };
    assert.equal(far(labels), far(labels));
    assert.notEqual(far(labels).key, far(given).key);
    assert.deepEqual(far(undefined).labels, {});
  });

  test('a name that somebody gave is no domain', async () => {
    const { far } = await policy({}, { preset: 'standard' });
    assert.equal(far(dns).labels['destination.name'], 'example.com');
    assert.equal(far(given).labels['destination.name'], 'payments-db');
    const hiding = await policy({ 'destination.name': 'drop' });
    assert.deepEqual(hiding.far(given).labels, { 'destination.name.source': 'static' });
  });
});

describe('the version', () => {
  const version = async (...given: Parameters<typeof policy>) => (await policy(...given)).version;

  test('is the preset’s name or its own, and a sum of what is done', async () => {
    assert.match(await version({}), /^full@[0-9a-f]{8}$/);
    assert.match(await version({}, { preset: 'minimal', version: 'payments-3' }), /^payments-3@[0-9a-f]{8}$/);
  });

  test('differs with whatever makes other values', async () => {
    const other = keyFile('other', 'o'.repeat(32));
    const all = await Promise.all([
      version({ 'source.ip': 'hash' }),
      version({ 'source.ip': 'hash' }, { key_file: other }),
      version({ 'source.ip': 'truncate' }),
      version({ 'source.ip': 'truncate' }, { prefix_ipv4: 20 }),
    ]);
    assert.equal(new Set(all).size, all.length);
    assert.equal(await version({ 'source.ip': 'keep' }), await version({}));
  });

  test('is on the labels of the node, beside the form of its name', async () => {
    const { 'policy.version': _, ...identity } = node;
    const { node: nodeOf, version: stamped } = await policy({ 'host.name': 'hash' });
    assert.deepEqual(nodeOf(identity), {
      ...identity,
      'host.name': hashed('n1'),
      'host.name.form': 'hashed',
      'policy.version': stamped,
    });
  });
});

describe('the key', () => {
  const problem = (file: string): string => {
    try {
      readKey(file);
    } catch (error) {
      return formatOperatorError(error as Parameters<typeof formatOperatorError>[0]);
    }
    return assert.fail('it was taken');
  };

  test('spaces and line ends behind it are no part of it', () => {
    assert.deepEqual(readKey(keyFile('spaced', `${key} \r\n`)), Buffer.from(key));
  });

  test('a file that others may read is refused, and says its mode', () => {
    assert.match(problem(keyFile('group', key, 0o640)), /cannot be used \(its mode is 640: others may/);
    assert.match(problem(keyFile('all', key, 0o604)), /its mode is 604/);
    assert.equal(readKey(keyFile('owner', key, 0o400)).length, 32);
  });

  test('so are one that is too short, too long, no file or not there', () => {
    assert.match(problem(keyFile('short', `${key.slice(1)}\n`)), /it has 31 bytes, and needs 32/);
    assert.match(problem(keyFile('long', 'k'.repeat(5000))), /more than 4096 bytes/);
    assert.match(problem(folder), /it is no file/);
    assert.match(problem(join(folder, 'none')), /ENOENT/);
  });

  test('remembers no more hashes than it may, and gives the same ones after', () => {
    const { hash } = hasherOf(Buffer.from(key));
    const first = hash('0');
    for (let i = 1; i <= hashLimits.rememberedMax; i++) hash(String(i));
    assert.equal(hash('0'), first);
  });
});

describe('rows that become equal', () => {
  test('are one, with the sums of both', async () => {
    const cut = await policy({}, { preset: 'minimal' });
    const rows = [1, 2, 3].map((n) =>
      row({
        destination: `203.0.113.${String(n)}`,
        latency: [{ bucket: n, count: 1 }],
        sums: { opened: n, ended: 1, latencySumUs: 1000 * n },
      }),
    );
    const records = under(cut, [...rows, row({ destination: '203.0.114.1', sums: { opened: 1 } })]);
    assert.deepEqual(
      records.map((r) => [
        r['destination.ip'],
        r['destination.ip.form'],
        r['connections.opened'],
        r.latency_ms,
      ]),
      [
        ['203.0.113.0/24', 'prefix', 6, 2],
        ['203.0.114.0/24', 'prefix', 1, null],
      ],
    );
    assert.deepEqual(
      records[0]?.['latency.histogram']?.map(([, count]) => count),
      [1, 1, 1],
    );
  });

  test('owners that differ only in what is dropped are one', async () => {
    const cut = await policy({ 'user.id': 'drop' });
    const of = (uid: number) => row({ sums: { opened: 1 } }, { 'process.name': 'curl', 'user.id': uid });
    assert.deepEqual(
      under(cut, [of(1), of(2)]).map((r) => r['connections.opened']),
      [2],
    );
  });
});
