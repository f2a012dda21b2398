/** The detectors that need a day of history, on the embedded engine. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openHistory, type History } from '../../../test/detecting.ts';

const [minute, hour] = [60_000, 3_600_000];
const windowMs = 10_000;

let history: History;
before(async () => {
  history = await openHistory();
});
after(() => history[Symbol.asyncDispose]());

const usual = {
  'process.name': 'storefront',
  direction: 'egress',
  'source.ip': '10.1.0.5',
  'destination.ip': '203.0.113.9',
  'destination.port': 443,
  'destination.name': 'api.pay.example',
  'destination.name.source': 'dns_process',
  'destination.scope': 'public',
  'connection.state': 'closed',
  'connection.established': true,
  'connections.opened': 10,
  'connections.established': 10,
  'connections.ended': 10,
};

/** One window every five minutes: enough of a day for a method that looks at such steps. */
async function sparsely(of: History, from: number, to: number, flow: Readonly<Record<string, unknown>>) {
  const at = Math.floor((of.nowMs + from) / (5 * minute)) * 5 * minute - of.nowMs;
  await of.write({ environment: 'e', from: at, to, every: 5 * minute }, [flow]);
}

const about = async (of: History, question: string) =>
  (await of.findings()).filter((finding) => finding.question === question);

test('the first connection to a name that a process never met is found; a known one is not', async () => {
  await using egress = await history.beside();
  await sparsely(egress, -30 * hour, 0, usual);
  const other = { ...usual, 'destination.ip': '198.51.100.7', 'destination.name': 'cdn.drop.example' };
  await egress.write({ environment: 'e', from: -10 * minute, to: -10 * minute + windowMs }, [other]);
  await egress.run(0);
  const [found, ...others] = await about(egress, 'unexpected-egress');
  assert.deepEqual(others, []);
  assert.equal(found?.title, 'storefront opened its first connections to drop.example port 443');
  assert.equal(found.technique, 'T1071');
  assert.equal((await egress.statusOf('unexpected-egress'))?.state, 'armed');
});

test('the same is not found where it is expected, and the other one is', async () => {
  await using egress = await history.beside();
  await sparsely(egress, -30 * hour, 0, usual);
  const to = (name: string, ip: string) => ({ ...usual, 'destination.ip': ip, 'destination.name': name });
  await egress.write({ environment: 'e', from: -10 * minute, to: -10 * minute + windowMs }, [
    to('cdn.drop.example', '198.51.100.7'),
    to('api.new.example', '198.51.100.8'),
  ]);
  const entry = { why: 'a new partner', owner: 'team-shop', review: '2099-01-01' };
  const talks = [{ names: ['*.new.example'], ports: [443], transport: 'tcp' }];
  await egress.run(0, {
    expectations: [{ ...entry, whom: { process: 'storefront' }, talks_to: talks }],
  });
  const titles = (await about(egress, 'unexpected-egress')).map(({ title }) => title);
  assert.deepEqual(titles, ['storefront opened its first connections to drop.example port 443']);
});

test('what others with the same image know is no finding', async () => {
  await using fleet = await history.beside();
  const of = (workload: string, image: string, name = 'api.pay.example') => ({
    ...{ ...usual, 'workload.name': workload, 'container.image': image, 'destination.name': name },
  });
  const drop = 'cdn.drop.example';
  const at = Math.floor((fleet.nowMs - 30 * hour) / (5 * minute)) * 5 * minute - fleet.nowMs;
  await fleet.write({ environment: 'e', from: at, to: 0, every: 5 * minute }, [
    ...[of('shop-a', 'shop:1.2'), of('shop-b', 'shop:1.3'), of('shop-b', 'shop:1.3', drop)],
    of('mail', 'mail:7'),
  ]);
  await fleet.write({ environment: 'e', from: -10 * minute, to: -10 * minute + windowMs }, [
    of('shop-a', 'shop:1.2', drop),
    of('mail', 'mail:7', drop),
  ]);
  await fleet.run(0);
  const found = await about(fleet, 'unexpected-egress');
  assert.deepEqual(
    found.map(({ labels, facts }) => [labels['client'], facts['peers']]),
    [['mail', 'not known']],
  );
});

test('closes that climb against the hours before are found', async () => {
  await using rate = await history.beside();
  await sparsely(rate, -30 * hour, 0, { ...usual, 'connections.ended': 100 });
  await sparsely(rate, -20 * minute, -5 * minute, { ...usual, 'connections.ended': 300 });
  await rate.run(0);
  const [found, ...others] = await about(rate, 'close-rate');
  assert.deepEqual(others, []);
  assert.equal(found?.facts['change'], 'climbs');
  assert.equal(Math.round(found.baseline ?? 0), 100);
});

test('a scan is found; a client of fourteen dead servers that it knows is not', async () => {
  await using scans = await history.beside();
  await sparsely(scans, -25 * hour, 0, usual);
  const failed = (process: string, n: number) => ({
    ...{ 'process.name': process, direction: 'egress', 'source.ip': '10.1.0.5' },
    ...{ 'destination.ip': `10.2.0.${n}`, 'destination.port': 22, 'connection.state': 'refused' },
    ...{ 'connections.opened': 1, 'connections.ended': 1 },
  });
  const servers = Array.from({ length: 14 }, (_, n) => n + 1);
  const answered = { 'connection.state': 'closed', 'connection.established': true };
  await scans.write(
    { environment: 'e', from: -5 * hour, to: -5 * hour + windowMs },
    servers.map((n) => ({ ...failed('backup', n), ...answered })),
  );
  await scans.write(
    { environment: 'e', from: -10 * minute, to: -10 * minute + windowMs },
    servers.flatMap((n) => [failed('backup', n), failed('nmap', n)]),
  );
  await scans.run(0);
  const [found, ...others] = await about(scans, 'lateral-movement');
  assert.deepEqual(others, []);
  assert.equal(found?.labels['process.name'], 'nmap');
  assert.equal(found.finds, 'scans');
  assert.deepEqual(found.facts, { failed: 14, reached: 0, destinations: 14, ports: 1 });
  assert.equal(found.evidence.rows[0]?.['process.name'], 'nmap');
});

test('a service whose destinations are all gone storms, and scans nothing', async () => {
  await using storms = await history.beside();
  await sparsely(storms, -25 * hour, 0, usual);
  const failed = (process: string, n: number, times: number) => ({
    ...{ 'process.name': process, direction: 'egress', 'source.ip': '10.1.0.5' },
    ...{ 'destination.ip': `10.2.0.${n}`, 'destination.port': 8080, 'connection.state': 'refused' },
    ...{ 'connections.opened': times, 'connections.ended': times },
  });
  const servers = Array.from({ length: 15 }, (_, n) => n + 1);
  await storms.write(
    { environment: 'e', from: -10 * minute, to: -10 * minute + windowMs },
    servers.flatMap((n) => [failed('mesh', n, n === 1 ? 40 : 2), failed('nmap', n, 2)]),
  );
  await storms.run(0);
  const scans = await about(storms, 'lateral-movement');
  assert.deepEqual(
    scans.map(({ labels }) => labels['process.name']),
    ['nmap'],
  );
  const limits = (await storms.statusOf('lateral-movement', 'scans'))?.limits;
  assert.deepEqual(
    limits?.map(({ labels, why }) => [labels['process.name'], why]),
    [['mesh', 'storms 1 destination: no scan is told of it']],
  );
});

const admin = (from: string, to: string, more: Readonly<Record<string, unknown>> = {}) => ({
  ...{ 'process.name': 'ssh', direction: 'egress', 'source.ip': from, 'destination.ip': to },
  ...{ 'destination.port': 22, 'connection.state': 'open', 'connection.established': true },
  ...{ 'connections.opened': 1, 'connections.established': 1, 'bytes.sent': 4000, 'bytes.received': 4000 },
  ...more,
});
const accepted = (from: string, to: string) =>
  admin(from, to, { direction: 'ingress', 'process.name': 'sshd' });
const [a, b, c] = ['10.1.0.1', '10.1.0.2', '10.1.0.3'];

/** Two nodes, heard for long; one of them is administered from a known address. */
async function watched(of: History): Promise<void> {
  for (const host of ['node-a', 'node-b']) {
    await of.write({ environment: 'e', host, from: -30 * hour, to: 0, every: 10 * minute }, []);
  }
  await of.write({ environment: 'e', host: 'node-b', from: -26 * hour, to: -25 * hour, every: 10 * minute }, [
    accepted('10.1.0.9', b),
  ]);
}

test('one new admin edge is an errand; a chain that goes on from it is found, with its path', async () => {
  await using edges = await history.beside();
  await watched(edges);
  const at = (host: string, from: number) => ({ environment: 'e', host, from, to: from + windowMs });
  await edges.write(at('node-a', -60 * minute), [admin(a, b)]);
  await edges.write(at('node-b', -60 * minute), [accepted(a, b), accepted('10.1.0.9', b)]);
  await edges.run(-50 * minute);
  assert.deepEqual(await about(edges, 'lateral-movement'), []);
  await edges.write(at('node-b', -40 * minute), [admin(b, c, { 'bytes.sent': 3_000_000 })]);
  await edges.write(at('node-b', -39 * minute), [admin(b, c, { 'connections.opened': 0 })]);
  await edges.run(0);
  const found = await about(edges, 'lateral-movement');
  assert.deepEqual(
    found.map(({ finds, severity, technique, facts }) => [finds, severity, technique, facts['path']]),
    [['new admin edges', 'critical', 'T1570', `${a} → ${b}:22 → ${c}:22`]],
  );
  assert.equal(found[0]?.evidence.rows[0]?.['finding'], 'chain');
  assert.deepEqual(await edges.statusOf('lateral-movement', 'new admin edges'), {
    ...{ finds: 'new admin edges', state: 'armed', armedAt: edges.at(-6 * hour), findings: 1, limits: [] },
    keys: { armed: 1 },
  });
});

test('one host that goes to three new ones within half an hour is found, with all of them', async () => {
  await using edges = await history.beside();
  await watched(edges);
  const others = ['10.1.0.11', '10.1.0.12', '10.1.0.13'];
  for (const [n, to] of others.entries()) {
    const from = (-50 + 10 * n) * minute;
    await edges.write({ environment: 'e', host: 'node-a', from, to: from + windowMs }, [admin(a, to)]);
  }
  await edges.run(0);
  const [found, ...more] = await about(edges, 'lateral-movement');
  assert.deepEqual(more, []);
  assert.equal(found?.facts['path'], `${a} → ${others.map((to) => `${to}:22`).join(', ')}`);
  assert.deepEqual(
    new Set(found.evidence.rows.map((row) => row['destination.ip'])),
    new Set(others),
    'each of them is in the rows that go with it',
  );
});

test('known admin edges, those of a young node, and those that were not let in are quiet', async () => {
  await using edges = await history.beside();
  await watched(edges);
  const at = (host: string, from: number) => ({ environment: 'e', host, from, to: from + windowMs });
  await edges.write(at('node-b', -60 * minute), [accepted('10.1.0.9', b)]);
  await edges.write(at('node-new', -50 * minute), [admin('10.1.0.7', b)]);
  const refused = { 'connection.state': 'refused', 'connection.established': false };
  await edges.write(at('node-a', -40 * minute), [
    admin(a, b, { ...refused, 'connections.established': 0, 'bytes.sent': 0, 'bytes.received': 0 }),
    admin(a, '203.0.113.5'),
    admin(a, b, { 'destination.port': 8022 }),
  ]);
  await edges.run(0);
  assert.deepEqual(await about(edges, 'lateral-movement'), []);
});
