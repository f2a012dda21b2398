/** DNS messages by hand: how they come in packets and segments, what is lost of them, and loopback. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { DnsRecord } from '../src/model/record.ts';
import { framed, groups, multicastLink, query, type Plan } from './dns-peer.ts';
import { Resolver } from './resolvers.ts';
import { Restarted } from './restarted.ts';
import { startRig, type Rig } from './rig.ts';

const peer = join(import.meta.dirname, 'dns-peer.ts');
const settings = { window: '500ms', profile: 'full', signals: { dns: 'on' }, dns: { timeout: '1s' } };

function answerer(at: Namespace): Promise<Resolver> {
  return Resolver.start(at, [process.execPath, peer, 'answer'], /ready/);
}

async function ask(at: Namespace, plan: Plan): Promise<void> {
  await at.run([process.execPath, peer, 'ask', JSON.stringify(plan)]);
}

const hex = (bytes: Buffer): string => bytes.toString('hex');

function dnsRecords(rig: Rig): DnsRecord[] {
  return rig.records().filter((record) => record['event.name'] === 'sonde.dns');
}

/** Lookups by process, side, resolver and name. */
function lookups(rig: Rig): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const record of dnsRecords(rig)) {
    const at = `${record['destination.ip']}/${record['network.transport']}`;
    const key = `${record['process.name']} ${record.direction} ${at} ${record['dns.question.name']}`;
    sums[key] = (sums[key] ?? 0) + record['dns.lookups'];
  }
  return sums;
}

function lost(rig: Rig): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { lost: of } of rig.windows) {
    for (const [name, count] of Object.entries(of))
      if (name.includes('dns')) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

/** Both ends of the same lookups. */
function both(what: string, count = 1): Record<string, number> {
  return { [`asker egress ${what}`]: count, [`answerer ingress ${what}`]: count };
}

test('on loopback each end is its own process, IPv4 and IPv6', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using _answerer = await answerer(at);
  await using rig = await startRig({ ...settings, namespaces: [at.path] });
  await rig.nextWindow();
  const messages = Array.from({ length: 20 }, (_, id) => hex(query(id, 'four.test')));
  await ask(at, { udp: { to: '127.0.0.1', messages }, responses: 20 });
  await ask(at, { udp: { to: '::1', messages: [hex(query(1, 'six.test'))] }, responses: 1 });
  const garbage = hex(Buffer.alloc(40, 0xff));
  await ask(at, { udp: { to: '127.0.0.1', messages: [garbage] }, responses: 1 });
  await rig.nextWindow();
  await rig.stop();

  assert.deepEqual(lookups(rig), { ...both('127.0.0.1/udp four.test', 20), ...both('::1/udp six.test') });
  assert.deepEqual(lost(rig), { 'dns.malformed': 4 }, 'two datagrams, each with two ends');
  for (const record of dnsRecords(rig)) {
    assert.equal(record['network.namespace'], at.inode);
    assert.equal(record.attribution, 'exact');
  }
});

test('over TCP a message begins where the one before ends', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using _answerer = await answerer(at);
  await using rig = await startRig({ ...settings, namespaces: [at.path] });
  await rig.nextWindow();
  const long = framed(query(4, 'long.test', 900));
  const apart = framed(query(3, 'apart.test'));
  const tcp = [
    framed(query(1, 'one.test')),
    Buffer.concat([framed(query(2, 'two.test')), framed(query(2, 'three.test'))]),
    apart.subarray(0, 2), // nothing of it is told
    apart.subarray(2),
    long.subarray(0, 300), // its head is here: told
    long.subarray(300),
    framed(query(5, 'last.test')),
  ].map(hex);
  await ask(at, { tcp, responses: 6 });
  await rig.nextWindow();
  await rig.stop();

  const names = ['one.test', 'two.test', 'three.test', 'long.test', 'last.test'];
  const expected = names.map((name) => both(`127.0.0.1/tcp ${name}`));
  assert.deepEqual(lookups(rig), Object.assign({}, ...expected));
  // The query at both of its ends; then its response, at both, is one to nothing.
  assert.deepEqual(lost(rig), { 'kernel.dns_segments_unread': 2, 'dns.responses_unmatched': 2 });
});

test('asked by multicast, with two that answer: one lookup, of who asked', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const { name, address } = multicastLink;
  await at.sysctl({ 'ipv6/conf/default/accept_dad': 0 });
  await at.ip(
    `link add ${name} type veth peer name peer0`,
    `addr add ${address}/24 dev ${name}`,
    `link set ${name} up`,
    'link set peer0 up',
    `route add 224.0.0.0/4 dev ${name}`,
  );
  const answers = ['10.9.0.1', '10.9.0.2'];
  await using announcers = new AsyncDisposableStack();
  for (const answer of answers)
    announcers.use(await Resolver.start(at, [process.execPath, peer, 'announce', answer], /ready/));
  await using rig = await startRig({ ...settings, namespaces: [at.path] });
  await rig.nextWindow();
  for (const to of groups)
    await ask(at, {
      multicast: { to, messages: [hex(query(0, 'printer.local'))] },
      responses: answers.length,
    });
  await rig.nextWindow();
  await rig.stop();

  const asked = groups.map((group) => [`asker egress ${group}/udp printer.local`, 1]);
  assert.deepEqual(lookups(rig), Object.fromEntries(asked));
  assert.deepEqual(lost(rig), {}, 'the second answer, and what all hear, are nobody\u2019s loss');
  for (const record of dnsRecords(rig)) {
    assert.deepEqual([record['dns.rcode'], record['destination.port']], ['NOERROR', 5353]);
    assert.equal(record['dns.answers']?.length, 1);
    assert.ok(answers.includes(record['dns.answers'][0] ?? ''));
  }
});

test('what the budget holds back is counted, and nothing is called unanswered for it', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using _answerer = await answerer(at);
  const limits = { dns_messages_per_second: 20 };
  await using rig = await startRig({ ...settings, limits, namespaces: [at.path] });
  await rig.nextWindow();
  const asked = 100;
  const messages = Array.from({ length: asked }, (_, id) => hex(query(id, 'many.test')));
  await ask(at, { udp: { to: '127.0.0.1', messages }, responses: asked });
  for (let i = 0; i < 4; i++) await rig.nextWindow();
  await rig.stop();

  const answered = Object.values(lookups(rig)).reduce((sum, count) => sum + count, 0);
  const losses = lost(rig);
  const of = (name: string): number => losses[name] ?? 0;
  const suppressed = of('kernel.dns_queries_suppressed') + of('kernel.dns_responses_suppressed');
  const alone = of('dns.responses_unmatched') + of('dns.lookups_unknown');
  assert.equal(2 * answered + alone + suppressed, 4 * asked, JSON.stringify({ answered, losses }));
  assert.ok(suppressed > 0);
  assert.ok(dnsRecords(rig).every((record) => record['dns.rcode'] === 'NOERROR'));
});

test('what a killed agent had read and not told is counted by the next one', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using _answerer = await answerer(at);
  await using agents = new Restarted();
  const agent = { ...settings, namespaces: [at.path] };
  const first = agents.start({ ...agent, window: '1h' });
  await first.opened();
  const messages = Array.from({ length: 10 }, (_, id) => hex(query(id, 'gone.test')));
  await ask(at, { udp: { to: '127.0.0.1', messages }, responses: 10 });
  await sleep(1000); // the agent looks ten times
  await first.end('SIGKILL');
  await ask(at, { udp: { to: '127.0.0.1', messages: [hex(query(1, 'between.test'))] }, responses: 1 });
  const second = agents.start(agent);
  await second.opened();
  await agents.told(3);
  assert.equal(await second.end('SIGTERM'), '0', second.said());

  const windows = agents.windows();
  const told = windows.flatMap(({ records }) => records.filter((r) => r['event.name'] === 'sonde.dns'));
  const names = told.map((record) => [record['dns.question.name'], record['dns.lookups']]);
  assert.deepEqual(names, [
    ['between.test', 1],
    ['between.test', 1],
  ]);
  const losses = windows.flatMap(({ closing }) =>
    Object.entries(closing.lost).filter(([name]) => name.includes('dns')),
  );
  assert.deepEqual(losses, [['dns.messages_forgotten', 40]]);
});
