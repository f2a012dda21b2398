/** The map on the real engine. Each test has an environment and addresses of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { line, openMapStore, type Fields, type MapStore } from '../../../test/map-store.ts';
import { isOperatorError } from '../../lib/errors.ts';

let map: MapStore;
before(async () => {
  map = await openMapStore();
});
after(() => map[Symbol.asyncDispose]());

describe('two ends of one connection', () => {
  test('are one edge, named at both ends, with the numbers of its source', async () => {
    const [a, b] = [map.node('both', 'a'), map.node('both', 'b')];
    const from = { process_name: 'curl', workload_name: 'shop', destination_ip: '10.1.0.2' };
    const served = { direction: 'ingress', source_ip: '10.1.0.1', destination_ip: '10.1.0.2' };
    await map.store({
      addresses: [a.address(300, '10.1.0.1'), b.address(300, '10.1.0.2')],
      flows: [
        a.flow(100, { ...from, connections_opened: 3, latency_sum_ms: 6, latency_count: 3, bytes_sent: 10 }),
        // These never arrived.
        a.flow(100, {
          ...from,
          connection_state: 'timed_out',
          connections_opened: 2,
          connections_established: 0,
        }),
        b.flow(100, { ...served, process_name: 'nginx', workload_name: 'web', connections_opened: 3 }),
      ],
    });
    const { edges, totals } = await map.mapOf('both');
    assert.deepEqual(edges, [
      {
        source: { host: 'a', environment: 'both', workload: 'shop', process: 'curl', ip: '' },
        destination: { host: 'b', environment: 'both', workload: 'web', process: 'nginx', ip: '', name: '' },
        transport: 'tcp',
        port: 80,
        connections: 5,
        established: 3,
        failures: 2,
        open: 0,
        latency_ms: 2,
        bytes_sent: 10,
        bytes_received: 0,
        joined: true,
        seen_by: 'both',
        apart: '',
      },
    ]);
    assert.deepEqual(totals, {
      all: { edges: 1, connections: 5 },
      joined: { edges: 1, connections: 5 },
      unjoined: { edges: 0, connections: 0 },
      ambiguous: { edges: 0, connections: 0 },
    });
  });

  test('several callers are several edges to the one that serves them', async () => {
    const [a, b] = [map.node('callers', 'a'), map.node('callers', 'b')];
    await map.store({
      addresses: [a.address(300, '10.2.0.1'), b.address(300, '10.2.0.2')],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '10.2.0.2', connections_opened: 2 }),
        a.flow(90, { process_name: 'wget', destination_ip: '10.2.0.2', connections_opened: 1 }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '10.2.0.1',
          destination_ip: '10.2.0.2',
          connections_opened: 3,
        }),
      ],
    });
    assert.deepEqual(await map.lines('callers'), [
      'a/curl → b/nginx:80 ×2 both',
      'a/wget → b/nginx:80 ×1 both',
    ]);
  });

  test('within one network namespace are joined too, loopback among them', async () => {
    const a = map.node('self', 'a');
    const ends = (ip: string) => [
      a.flow(90, { process_name: 'app', destination_ip: ip }),
      a.flow(90, { direction: 'ingress', process_name: 'db', source_ip: ip, destination_ip: ip }),
    ];
    await map.store({
      addresses: [a.address(300, '10.3.0.1')],
      flows: [...ends('127.0.0.1'), ...ends('::1'), ...ends('10.3.0.1')],
    });
    assert.deepEqual(await map.lines('self'), ['a/app → a/db:80 ×3 both']);
  });

  test('where a public caller is told as a network, the only one in it is meant', async () => {
    const [a, b, c] = [map.node('net', 'a'), map.node('net', 'b'), map.node('net', 'c')];
    const isPublic = { destination_scope: 'public' };
    const served = { direction: 'ingress', process_name: 'nginx', source_ip_form: 'prefix' };
    await map.store({
      addresses: [
        a.address(300, '198.51.100.7', 'present', isPublic),
        a.address(300, '2001:db8:5:6::7', 'present', isPublic),
        b.address(300, '198.51.101.2', 'present', isPublic),
        c.address(300, '203.0.113.1', 'present', isPublic),
      ],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '198.51.101.2' }),
        b.flow(90, { ...served, source_ip: '198.51.100.0/24', destination_ip: '198.51.101.2' }),
        b.flow(90, {
          ...served,
          source_ip: '2001:db8:5::/48',
          destination_ip: '2001:db8:9::1',
          destination_port: 81,
        }),
      ],
    });
    assert.deepEqual(await map.lines('net'), [
      'a/ → b/nginx:81 ×1 destination unjoined',
      'a/curl → b/nginx:80 ×1 both',
    ]);
  });

  test('of another port, transport or address are no two ends', async () => {
    const [a, b] = [map.node('apart', 'a'), map.node('apart', 'b')];
    await map.store({
      addresses: [a.address(300, '10.4.0.1'), b.address(300, '10.4.0.2')],
      flows: [
        a.flow(90, {
          process_name: 'dig',
          destination_ip: '10.4.0.2',
          destination_port: 53,
          network_transport: 'udp',
        }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'named',
          source_ip: '10.4.0.1',
          destination_ip: '10.4.0.2',
          destination_port: 53,
        }),
      ],
    });
    assert.deepEqual(await map.lines('apart'), [
      'a/ → b/named:53 ×1 destination unjoined',
      'a/dig → b/:53 ×1 source unjoined',
    ]);
  });
});

describe('what only one end saw', () => {
  test('is kept: nobody is known at the other', async () => {
    const a = map.node('alone', 'a');
    await map.store({
      addresses: [a.address(300, '10.5.0.1')],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '192.0.2.7', destination_name: 'api.example' }),
        a.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '192.0.2.8',
          destination_ip: '10.5.0.1',
        }),
      ],
    });
    const { edges } = await map.mapOf('alone');
    assert.deepEqual(edges.map(line), [
      '192.0.2.8/ → a/nginx:80 ×1 destination unowned',
      'a/curl → 192.0.2.7/:80 ×1 source unowned',
    ]);
    assert.equal(edges[1]?.destination.name, 'api.example');
  });

  test('what never arrived is no translation, and who serves there is named', async () => {
    const [a, b, c] = [map.node('lost', 'a'), map.node('lost', 'b'), map.node('lost', 'c')];
    await map.store({
      addresses: [a.address(300, '10.6.0.1'), b.address(300, '10.6.0.2'), c.address(300, '10.6.0.3')],
      flows: [
        a.flow(90, {
          process_name: 'curl',
          destination_ip: '10.6.0.2',
          connection_state: 'timed_out',
          connections_established: 0,
        }),
        c.flow(90, { process_name: 'wget', destination_ip: '10.6.0.2', connections_opened: 2 }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '10.6.0.3',
          destination_ip: '10.6.0.2',
          connections_opened: 2,
        }),
      ],
    });
    assert.deepEqual(await map.lines('lost'), [
      'c/wget → b/nginx:80 ×2 both',
      'a/curl → b/nginx:80 ×1 (1 failed) source failed',
    ]);
  });

  test('what a profile folded away is no translation either', async () => {
    const [a, b] = [map.node('folded', 'a'), map.node('folded', 'b')];
    await map.store({
      addresses: [a.address(300, '10.7.0.1'), b.address(300, '10.7.0.2')],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '10.7.0.2' }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '0.0.0.0/0',
          destination_ip: '10.7.0.2',
        }),
      ],
    });
    assert.deepEqual(await map.lines('folded'), [
      '0.0.0.0/0/ → b/nginx:80 ×1 destination folded',
      'a/curl → b/nginx:80 ×1 source folded',
    ]);
  });
});

describe('address translation', () => {
  test('of the source keeps the two ends apart, and both are counted as that', async () => {
    const [a, b] = [map.node('snat', 'a'), map.node('snat', 'b')];
    await map.store({
      addresses: [a.address(300, '10.8.0.1'), b.address(300, '10.8.1.2')],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '10.8.1.2', connections_opened: 4 }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '10.8.1.1',
          destination_ip: '10.8.1.2',
          connections_opened: 4,
        }),
      ],
    });
    const { edges, totals } = await map.mapOf('snat');
    assert.deepEqual(edges.map(line), [
      '10.8.1.1/ → b/nginx:80 ×4 destination unjoined',
      'a/curl → b/nginx:80 ×4 source unjoined',
    ]);
    assert.deepEqual(totals.unjoined, { edges: 2, connections: 8 });
    assert.deepEqual(totals.joined, { edges: 0, connections: 0 });
  });

  test('of the destination on the caller’s own node is followed', async () => {
    const [a, b] = [map.node('dnat', 'a'), map.node('dnat', 'b')];
    await map.store({
      addresses: [a.address(300, '10.9.0.1'), b.address(300, '10.9.0.2')],
      flows: [
        a.flow(90, {
          process_name: 'curl',
          destination_ip: '10.96.0.10',
          destination_translated_ip: '10.9.0.2',
          destination_translated_port: 8080,
        }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '10.9.0.1',
          destination_ip: '10.9.0.2',
          destination_port: 8080,
        }),
      ],
    });
    assert.deepEqual(await map.lines('dnat'), ['a/curl → b/nginx:8080 ×1 both']);
  });
});

describe('the map', () => {
  test('is the same from rollups', async () => {
    const [a, b] = [map.node('rolled', 'a'), map.node('rolled', 'b')];
    await map.store({
      addresses: [a.address(300, '10.16.0.1'), b.address(300, '10.16.0.2')],
      flows: [
        a.flow(90, { process_name: 'curl', destination_ip: '10.16.0.2' }),
        b.flow(90, {
          direction: 'ingress',
          process_name: 'nginx',
          source_ip: '10.16.0.1',
          destination_ip: '10.16.0.2',
        }),
      ],
    });
    for (const since of ['10m', '12h', '20d'])
      assert.deepEqual(await map.lines('rolled', { since }), ['a/curl → b/nginx:80 ×1 both'], since);
  });

  test('leaves Sonde’s own traffic out, and says where it is cut', async () => {
    const a = map.node('own', 'a');
    await map.store({
      flows: [
        a.flow(90, { process_name: 'sonde', workload_name: 'sonde', destination_ip: '192.0.2.1' }),
        ...[2, 3].map((n) =>
          a.flow(90, { process_name: 'curl', destination_ip: `192.0.2.${n}`, connections_opened: n }),
        ),
      ],
    });
    assert.equal((await map.lines('own')).length, 2);
    assert.equal((await map.lines('own', { own: 'true' })).length, 3);
    const { edges, truncated, totals } = await map.mapOf('own', { limit: '1' });
    assert.deepEqual([edges.length, truncated, totals.all], [1, true, { edges: 2, connections: 5 }]);
  });

  test('is empty where nothing was seen', async () => {
    const { edges, totals } = await map.mapOf('nothing');
    assert.deepEqual([edges, totals.all], [[], { edges: 0, connections: 0 }]);
  });

  test('what is asked wrongly is said', async () => {
    for (const query of [{ since: 'long' }, { limit: '0' }, { host: 'a' }, { own: 'maybe' }]) {
      const error: unknown = await map
        .mapOf('wrong', query as Record<string, string>)
        .catch((reason: unknown) => reason);
      assert.ok(isOperatorError(error), JSON.stringify(query));
      assert.equal(error.code, 'request.malformed');
    }
  });
});

test('nodes: when each was heard, its version, its clock and what it covers', async () => {
  const window = (host: string, ago: number, fields: Fields = {}) =>
    map.rowOf('windows', ago, { environment: 'nodes', host_name: host, agent_version: '1.2.3', ...fields });
  const counted = { coverage_seen: 9, coverage_kernel: 10, attributed: 3, attributable: 4 };
  await map.store({
    windows: [
      ...Array.from({ length: 60 }, (_, i) => window('a', 600 - 10 * i, counted)),
      window('b', 7200, { clock_offset_ms: -120_400, clock_correction_ms: -120_000, window_last: true }),
    ],
  });
  const { nodes } = await map.nodesOf('nodes');
  const iso = (ago: number) => new Date(map.nowMs - ago * 1000).toISOString();
  const common = { environment: 'nodes', 'agent.instance': 'main', 'agent.id': '', 'agent.version': '1.2.3' };
  assert.deepEqual(nodes, [
    {
      ...common,
      'host.name': 'a',
      'boot.id': 'a',
      first_seen: iso(600),
      last_seen: iso(0),
      stopped: false,
      clock: { offset_ms: 0, correction_ms: 0 },
      coverage: { seconds: 1, connections: 0.9, attribution: 0.75 },
    },
    {
      ...common,
      'host.name': 'b',
      'boot.id': 'b',
      first_seen: iso(7200),
      last_seen: iso(7190),
      stopped: true,
      clock: { offset_ms: -120_400, correction_ms: -120_000 },
      coverage: { seconds: 0, connections: null, attribution: null },
    },
  ]);
});
