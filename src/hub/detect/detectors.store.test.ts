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

test('a scan is found; a client of seven dead servers that it knows is not', async () => {
  await using scans = await history.beside();
  await sparsely(scans, -25 * hour, 0, usual);
  const failed = (process: string, n: number) => ({
    ...{ 'process.name': process, direction: 'egress', 'source.ip': '10.1.0.5' },
    ...{ 'destination.ip': `10.2.0.${n}`, 'destination.port': 22, 'connection.state': 'refused' },
    ...{ 'connections.opened': 1, 'connections.ended': 1 },
  });
  const servers = [1, 2, 3, 4, 5, 6, 7];
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
  assert.deepEqual(found.facts, { failed: 7, reached: 0, destinations: 7, ports: 1 });
  assert.equal(found.evidence.rows[0]?.['process.name'], 'nmap');
});
