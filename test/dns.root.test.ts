/** DNS lookups, as real clients make them of real resolvers: each is told once at each end, by whom and how. */

import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { routedAddress, type Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { DnsRecord } from '../src/model/record.ts';
import { workplace } from './daemons.ts';
import { bind, dnsmasq } from './resolvers.ts';
import { startRig, type Rig } from './rig.ts';

const { v4: server, v6: serverV6 } = routedAddress.right;
const settings = { window: '500ms', profile: 'full', signals: { dns: 'on' }, dns: { timeout: '1s' } };

function dnsRecords(rig: Rig): DnsRecord[] {
  return rig.records().filter((record) => record['event.name'] === 'sonde.dns');
}

interface Counts {
  lookups: number;
  attempts: number;
  truncated: number;
}

/** Who asked or was asked whom for what with which outcome, and how often. */
function outcomes(records: readonly DnsRecord[]): Record<string, Counts> {
  const sums: Record<string, Counts> = {};
  for (const record of records) {
    const arrow = record.direction === 'egress' ? '->' : '<-';
    const at = `${record['destination.ip']}/${record['network.transport']}/${record['destination.port']}`;
    const question = `${record['dns.question.name']} ${record['dns.question.type']}`;
    const key = `${record['process.name']} ${arrow} ${at} ${question} ${record['dns.rcode']}`;
    const sum = (sums[key] ??= { lookups: 0, attempts: 0, truncated: 0 });
    sum.lookups += record['dns.lookups'];
    sum.attempts += record['dns.attempts'];
    sum.truncated += record['dns.truncated'];
  }
  return sums;
}

const once: Counts = { lookups: 1, attempts: 1, truncated: 0 };

/** The same seen from both ends. */
function bothEnds(asker: string, what: string, counts: Counts = once): Record<string, Counts> {
  return { [`${asker} -> ${what}`]: counts, [`named <- ${what}`]: counts };
}

async function dig(at: Namespace, ...words: readonly string[]): Promise<string> {
  return at.run(['dig', '+tries=1', '+time=2', '+nocookie', ...words]);
}

/** Fails, as the client says after its time; one try. */
async function digInVain(at: Namespace, ...words: readonly string[]): Promise<void> {
  await assert.rejects(at.run(['dig', '+tries=1', '+time=1', '+nocookie', ...words]));
}

async function untilQuiet(rig: Rig): Promise<void> {
  for (let i = 0; i < 4; i++) await rig.nextWindow();
}

function assertNothingLost(rig: Rig): void {
  const lost = rig.windows.flatMap((window) =>
    Object.entries(window.lost).filter(([name]) => name.includes('dns')),
  );
  assert.deepEqual(lost, []);
}

test('answers, failures and silence, at both ends', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  using folder = workplace();
  await using _named = await bind(right, folder, [53, 5353, 8053]);
  const dns = { timeout: '1s', ports: [53, 5353, 8053] };
  const namespaces = [left.path, right.path];
  await using rig = await startRig({ ...settings, dns, namespaces });
  await rig.nextWindow();

  const at = `@${server}`;
  await dig(left, at, 'www.lab.test', 'A');
  await dig(left, at, 'WWW.lab.test', 'AAAA');
  await dig(left, `@${serverV6}`, 'www.lab.test', 'A');
  await dig(left, at, 'nosuch.lab.test', 'A');
  await dig(left, at, 'www.broken.test', 'A');
  await dig(left, at, 'elsewhere.test', 'A');
  await dig(left, at, '-p', '5353', 'www.lab.test', 'A');
  await dig(left, at, '-p', '8053', 'www.lab.test', 'A');
  await dig(left, at, '+tcp', 'www.lab.test', 'A');
  await dig(left, at, '+noedns', 'long.lab.test', 'TXT');
  symlinkSync('/usr/bin/dig', join(folder.path, 'digger'));
  for (let i = 0; i < 3; i++) await left.run([join(folder.path, 'digger'), at, 'www.lab.test', 'A']);
  await right.filter([`udp dport 53 drop`]);
  await digInVain(left, at, 'silent.lab.test', 'A');
  await digInVain(left, at, 'silent.lab.test', 'A');
  await right.filter([]);
  await untilQuiet(rig);
  await rig.stop();

  const udp = `${server}/udp/53`;
  assert.deepEqual(outcomes(dnsRecords(rig)), {
    ...bothEnds('dig', `${udp} www.lab.test A NOERROR`),
    ...bothEnds('dig', `${udp} www.lab.test AAAA NOERROR`),
    ...bothEnds('dig', `${serverV6}/udp/53 www.lab.test A NOERROR`),
    ...bothEnds('dig', `${udp} nosuch.lab.test A NXDOMAIN`),
    ...bothEnds('dig', `${udp} www.broken.test A SERVFAIL`),
    ...bothEnds('dig', `${udp} elsewhere.test A REFUSED`),
    ...bothEnds('dig', `${server}/udp/5353 www.lab.test A NOERROR`),
    ...bothEnds('dig', `${server}/udp/8053 www.lab.test A NOERROR`),
    ...bothEnds('dig', `${server}/tcp/53 www.lab.test A NOERROR`),
    ...bothEnds('dig', `${udp} long.lab.test TXT NOERROR`, { ...once, truncated: 1 }),
    ...bothEnds('dig', `${server}/tcp/53 long.lab.test TXT NOERROR`),
    ...bothEnds('digger', `${udp} www.lab.test A NOERROR`, { lookups: 3, attempts: 3, truncated: 0 }),
    [`named <- ${udp} www.lab.test A NOERROR`]: { lookups: 4, attempts: 4, truncated: 0 },
    [`dig -> ${udp} silent.lab.test A unanswered`]: { lookups: 2, attempts: 2, truncated: 0 },
  });
  assertNothingLost(rig);
});

/** glibc, which sends a query again from the same socket under the same number. */
async function getent(at: Namespace, folder: string, name: string): Promise<void> {
  writeFileSync(
    join(folder, 'resolv.conf'),
    `nameserver ${server}\noptions timeout:1 attempts:3 single-request\n`,
  );
  const inside = `mount --bind ${folder}/resolv.conf /etc/resolv.conf && exec getent ahostsv4 ${name}`;
  await at.run(['unshare', '-m', 'sh', '-c', inside]);
}

test('a query sent again is the same lookup', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  using folder = workplace();
  await using _named = await bind(right, folder, [53]);
  const dns = { timeout: '3s' };
  await using rig = await startRig({ ...settings, dns, namespaces: [left.path, right.path] });
  await rig.nextWindow();

  await right.filter(['udp dport 53 limit rate over 1/hour burst 1 packets accept', 'udp dport 53 drop']);
  await getent(left, folder.path, 'www.lab.test');
  await right.filter(['udp dport 53 drop']);
  await assert.rejects(getent(left, folder.path, 'www.lab.test'));
  const sums = () => outcomes(dnsRecords(rig));
  const what = `getent -> ${server}/udp/53 www.lab.test A`;
  for (let i = 0; i < 40 && !(`${what} unanswered` in sums()); i++) await rig.nextWindow();
  await rig.stop();

  assert.deepEqual(sums(), {
    [`${what} NOERROR`]: { lookups: 1, attempts: 2, truncated: 0 },
    [`named <- ${server}/udp/53 www.lab.test A NOERROR`]: once,
    [`${what} unanswered`]: { lookups: 1, attempts: 3, truncated: 0 },
  });
  const [failed] = dnsRecords(rig).filter((record) => record['dns.rcode'] === 'unanswered');
  assert.deepEqual([failed?.['connection.state'], failed?.latency_ms], ['timed_out', null]);
  assertNothingLost(rig);
});

test('a stub resolver is asked, and asks', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  using folder = workplace();
  await using _named = await bind(right, folder, [53]);
  await using _dnsmasq = await dnsmasq(left, server);
  await using rig = await startRig({ ...settings, namespaces: [left.path, right.path] });
  await rig.nextWindow();

  await dig(left, '@127.0.0.53', 'www.lab.test', 'A');
  await dig(left, '@127.0.0.53', 'nosuch.lab.test', 'A');
  await right.filter(['udp dport 53 drop']);
  await digInVain(left, '@127.0.0.53', 'silent.lab.test', 'A');
  await untilQuiet(rig);
  await rig.stop();

  const [stub, up] = ['127.0.0.53/udp/53', `${server}/udp/53`];
  const silent = 'silent.lab.test A unanswered';
  assert.deepEqual(outcomes(dnsRecords(rig)), {
    [`dig -> ${stub} www.lab.test A NOERROR`]: once,
    [`dnsmasq <- ${stub} www.lab.test A NOERROR`]: once,
    ...bothEnds('dnsmasq', `${up} www.lab.test A NOERROR`),
    [`dig -> ${stub} nosuch.lab.test A NXDOMAIN`]: once,
    [`dnsmasq <- ${stub} nosuch.lab.test A NXDOMAIN`]: once,
    ...bothEnds('dnsmasq', `${up} nosuch.lab.test A NXDOMAIN`),
    [`dig -> ${stub} ${silent}`]: once,
    [`dnsmasq <- ${stub} ${silent}`]: once,
    [`dnsmasq -> ${up} ${silent}`]: once,
  });
  const records = dnsRecords(rig).filter((record) => record['dns.question.name'] === 'www.lab.test');
  for (const record of records) {
    assert.deepEqual([...(record['dns.answers'] ?? [])].sort(), ['10.31.2.80', '10.31.2.81']);
    assert.equal(record['dns.ttl_min'], 60);
    assert.equal(record['connection.state'], 'closed');
    assert.equal(record.latency_ms, record['dns.latency_ms']);
    assert.ok((record.latency_ms ?? 0) > 0);
    assert.deepEqual(
      record['latency.histogram']?.map(([, count]) => count),
      [1],
    );
  }
  assertNothingLost(rig);
});

test('off, nothing is read, and windows say so; switched off, nothing is called unanswered', async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  using folder = workplace();
  await using _named = await bind(right, folder, [53]);
  const namespaces = [left.path, right.path];
  // Longer than dig is patient: what it waits for is not unanswered yet when the signal goes.
  const dns = { timeout: '20s' };
  await using rig = await startRig({ ...settings, dns, signals: { dns: 'off' }, namespaces });
  await rig.nextWindow();
  await dig(left, `@${server}`, 'www.lab.test', 'A');
  await rig.nextWindow();
  assert.deepEqual(dnsRecords(rig), []);
  assert.ok(rig.windows.every(({ signals }) => !signals.includes('dns')));

  await rig.agent.switchTo(['lifecycle', 'dns']);
  await dig(left, `@${server}`, 'www.lab.test', 'A');
  await right.filter(['udp dport 53 drop']);
  await digInVain(left, `@${server}`, 'silent.lab.test', 'A');
  await rig.agent.switchTo(['lifecycle']);
  await untilQuiet(rig);
  await rig.stop();
  assert.deepEqual(rig.windows.at(-1)?.signals, ['lifecycle']);
  assert.deepEqual(
    outcomes(dnsRecords(rig)),
    bothEnds('dig', `${server}/udp/53 www.lab.test A NOERROR`),
    'none is unanswered',
  );
  const lost = rig.windows.flatMap(({ lost: of }) =>
    Object.entries(of).filter(([name]) => name.includes('dns')),
  );
  assert.deepEqual(lost, [['dns.lookups_forgotten', 1]]);
});
