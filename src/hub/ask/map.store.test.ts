/** The map on the real engine. Each test has an environment and addresses of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openAsker, type Asker } from '../../../test/asking.ts';
import { isOperatorError } from '../../lib/errors.ts';
import type { Row, StoreBlock, TableName } from '../../model/block.ts';
import type { Edge, EdgeMap } from '../../question/map.ts';
import { questionsFolder } from '../../question/discovery.ts';
import type { Ask } from './ask.ts';

let asker: Asker;
let ask: Ask;
const { signal } = new AbortController();
const secondMs = 1000;
let sequence = 0;

before(async () => {
  asker = await openAsker();
  ask = asker.openAsk(questionsFolder());
});
after(() => asker[Symbol.asyncDispose]());

type Fields = Readonly<Record<string, unknown>>;

/** A row of the table, from columns; its window began so many seconds ago. */
function rowOf(table: TableName, ago: number, fields: Fields): Row {
  const startMs = asker.nowMs - ago * secondMs;
  const [start, end] = [startMs, startMs + 10 * secondMs].map((ms) => new Date(ms).toISOString());
  const full: Fields = {
    agent_instance: 'main',
    boot_id: String(fields['host_name']),
    record_sequence: ++sequence,
    time: end,
    window_start: start,
    window_end: end,
    window_ms: 10_000,
    network_namespace: 1,
    ...fields,
  };
  return asker.store.tables[table].map((column) => full[column] ?? null);
}

/** What one node tells, in an environment of the test's own. */
function node(environment: string, host: string, { netns = 1 } = {}) {
  const own = { environment, host_name: host, network_namespace: netns };
  return {
    address: (ago: number, ip: string, change = 'present', more: Fields = {}) =>
      rowOf('addresses', ago, {
        ...own,
        address_change: change,
        destination_ip: ip,
        destination_scope: 'private',
        network_type: ip.includes(':') ? 'ipv6' : 'ipv4',
        ...more,
      }),
    flow: (ago: number, flow: Fields) =>
      rowOf('flows', ago, {
        ...own,
        direction: 'egress',
        network_transport: 'tcp',
        connection_state: 'closed',
        connection_established: true,
        connections_opened: 1,
        connections_established: flow['connections_opened'] ?? 1,
        connections_ended: flow['connections_opened'] ?? 1,
        destination_port: 80,
        ...flow,
      }),
  };
}

async function store(rows: StoreBlock['rows']): Promise<void> {
  await asker.insert(rows);
}

function mapOf(environment: string, query: Readonly<Record<string, string>> = {}): Promise<EdgeMap> {
  return ask.edges({ query: { environment, since: '10m', ...query }, signal });
}

/** `a/curl → b/nginx:80 ×3 both`, and why the ends are not joined. */
function line({ source, destination, port, connections, seen_by, apart, failures }: Edge): string {
  const end = ({ host, process, ip }: Edge['source']) => `${host || ip}/${process}`;
  const failed = failures > 0 ? ` (${String(failures)} failed)` : '';
  const why = apart === '' ? '' : ` ${apart}`;
  return `${end(source)} → ${end(destination)}:${port} ×${connections}${failed} ${seen_by}${why}`;
}

async function lines(environment: string, query: Readonly<Record<string, string>> = {}): Promise<string[]> {
  return (await mapOf(environment, query)).edges.map(line);
}

describe('two ends of one connection', () => {
  test('are one edge, named at both ends, with the numbers of its source', async () => {
    const [a, b] = [node('both', 'a'), node('both', 'b')];
    const from = { process_name: 'curl', workload_name: 'shop', destination_ip: '10.1.0.2' };
    const served = { direction: 'ingress', source_ip: '10.1.0.1', destination_ip: '10.1.0.2' };
    await store({
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
    const { edges, totals } = await mapOf('both');
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
    const [a, b] = [node('callers', 'a'), node('callers', 'b')];
    await store({
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
    assert.deepEqual(await lines('callers'), ['a/curl → b/nginx:80 ×2 both', 'a/wget → b/nginx:80 ×1 both']);
  });

  test('within one network namespace are joined too, loopback among them', async () => {
    const a = node('self', 'a');
    const ends = (ip: string) => [
      a.flow(90, { process_name: 'app', destination_ip: ip }),
      a.flow(90, { direction: 'ingress', process_name: 'db', source_ip: ip, destination_ip: ip }),
    ];
    await store({
      addresses: [a.address(300, '10.3.0.1')],
      flows: [...ends('127.0.0.1'), ...ends('::1'), ...ends('10.3.0.1')],
    });
    assert.deepEqual(await lines('self'), ['a/app → a/db:80 ×3 both']);
  });

  test('where a public caller is told as a network, the only one in it is meant', async () => {
    const [a, b, c] = [node('net', 'a'), node('net', 'b'), node('net', 'c')];
    const isPublic = { destination_scope: 'public' };
    const served = { direction: 'ingress', process_name: 'nginx', source_ip_form: 'prefix' };
    await store({
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
    assert.deepEqual(await lines('net'), [
      'a/ → b/nginx:81 ×1 destination unjoined',
      'a/curl → b/nginx:80 ×1 both',
    ]);
  });

  test('of another port, transport or address are no two ends', async () => {
    const [a, b] = [node('apart', 'a'), node('apart', 'b')];
    await store({
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
    assert.deepEqual(await lines('apart'), [
      'a/ → b/named:53 ×1 destination unjoined',
      'a/dig → b/:53 ×1 source unjoined',
    ]);
  });
});

describe('what only one end saw', () => {
  test('is kept: nobody is known at the other', async () => {
    const a = node('alone', 'a');
    await store({
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
    const { edges } = await mapOf('alone');
    assert.deepEqual(edges.map(line), [
      '192.0.2.8/ → a/nginx:80 ×1 destination unowned',
      'a/curl → 192.0.2.7/:80 ×1 source unowned',
    ]);
    assert.equal(edges[1]?.destination.name, 'api.example');
  });

  test('what never arrived is no translation, and who serves there is named', async () => {
    const [a, b, c] = [node('lost', 'a'), node('lost', 'b'), node('lost', 'c')];
    await store({
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
    assert.deepEqual(await lines('lost'), [
      'c/wget → b/nginx:80 ×2 both',
      'a/curl → b/nginx:80 ×1 (1 failed) source failed',
    ]);
  });

  test('what a profile folded away is no translation either', async () => {
    const [a, b] = [node('folded', 'a'), node('folded', 'b')];
    await store({
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
    assert.deepEqual(await lines('folded'), [
      '0.0.0.0/0/ → b/nginx:80 ×1 destination folded',
      'a/curl → b/nginx:80 ×1 source folded',
    ]);
  });
});

describe('address translation', () => {
  test('of the source keeps the two ends apart, and both are counted as that', async () => {
    const [a, b] = [node('snat', 'a'), node('snat', 'b')];
    await store({
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
    const { edges, totals } = await mapOf('snat');
    assert.deepEqual(edges.map(line), [
      '10.8.1.1/ → b/nginx:80 ×4 destination unjoined',
      'a/curl → b/nginx:80 ×4 source unjoined',
    ]);
    assert.deepEqual(totals.unjoined, { edges: 2, connections: 8 });
    assert.deepEqual(totals.joined, { edges: 0, connections: 0 });
  });

  test('of the destination on the caller’s own node is followed', async () => {
    const [a, b] = [node('dnat', 'a'), node('dnat', 'b')];
    await store({
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
    assert.deepEqual(await lines('dnat'), ['a/curl → b/nginx:8080 ×1 both']);
  });
});

describe('whose an address is', () => {
  test('several nodes’ is nobody’s, and named so', async () => {
    const [a, b, c] = [node('bridge', 'a'), node('bridge', 'b'), node('bridge', 'c')];
    await store({
      addresses: [a.address(300, '10.10.0.1'), ...[b, c].map((of) => of.address(300, '10.10.17.1'))],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.10.17.1' })],
    });
    const { edges, totals } = await mapOf('bridge');
    assert.deepEqual(edges.map(line), ['a/curl → 10.10.17.1/:80 ×1 source ambiguous']);
    assert.deepEqual(totals.ambiguous, { edges: 1, connections: 1 });
  });

  test('two agents that look at one network namespace are one', async () => {
    const [a, b] = [node('twice', 'a'), node('twice', 'b')];
    await store({
      addresses: [
        a.address(300, '10.11.0.1'),
        b.address(300, '10.11.0.2'),
        b.address(200, '10.11.0.2', 'present', { agent_instance: 'second' }),
      ],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.11.0.2' })],
    });
    assert.deepEqual(await lines('twice'), ['a/curl → b/:80 ×1 source unjoined']);
  });

  test('is what it was then, not now', async () => {
    const [a, b, c] = [node('moves', 'a'), node('moves', 'b'), node('moves', 'c')];
    const served = { direction: 'ingress', source_ip: '10.12.0.1', destination_ip: '10.12.0.9' };
    const from = { process_name: 'curl', destination_ip: '10.12.0.9' };
    await store({
      addresses: [
        a.address(500, '10.12.0.1'),
        b.address(500, '10.12.0.9'),
        b.address(300, '10.12.0.9', 'gone'),
        c.address(280, '10.12.0.9', 'appeared'),
      ],
      flows: [
        a.flow(400, { ...from, connections_opened: 2 }),
        b.flow(400, { ...served, process_name: 'old', connections_opened: 2 }),
        // Between the two it is nobody's.
        a.flow(290, {
          ...from,
          connections_opened: 1,
          connection_state: 'unreachable',
          connections_established: 0,
        }),
        a.flow(100, { ...from, connections_opened: 3 }),
        c.flow(100, { ...served, process_name: 'new', connections_opened: 3 }),
      ],
    });
    assert.deepEqual(await lines('moves'), [
      'a/curl → c/new:80 ×3 both',
      'a/curl → b/old:80 ×2 both',
      'a/curl → 10.12.0.9/:80 ×1 (1 failed) source unowned',
    ]);
  });

  test('in the window in which it moves it is both’s', async () => {
    const [a, b, c] = [node('moving', 'a'), node('moving', 'b'), node('moving', 'c')];
    await store({
      addresses: [
        b.address(500, '10.13.0.9'),
        b.address(300, '10.13.0.9', 'gone'),
        c.address(300, '10.13.0.9', 'appeared'),
      ],
      flows: [300, 290].map((ago) => a.flow(ago, { process_name: 'curl', destination_ip: '10.13.0.9' })),
    });
    assert.deepEqual(await lines('moving'), [
      'a/curl → 10.13.0.9/:80 ×1 source ambiguous',
      'a/curl → c/:80 ×1 source unjoined',
    ]);
  });

  test('lapses where nobody told it for more than an hour', async () => {
    const [a, b] = [node('lapsed', 'a'), node('lapsed', 'b')];
    await store({
      addresses: [b.address(2 * 3600, '10.14.0.2')],
      flows: [3600, 100].map((ago) =>
        a.flow(ago, { process_name: 'curl', destination_ip: '10.14.0.2', connections_opened: ago }),
      ),
    });
    assert.deepEqual(await lines('lapsed', { since: '2h' }), [
      'a/curl → b/:80 ×3600 source unjoined',
      'a/curl → 10.14.0.2/:80 ×100 source unowned',
    ]);
  });

  test('a part of it is nobody’s', async () => {
    const [a, b] = [node('cut', 'a'), node('cut', 'b')];
    await store({
      addresses: [b.address(300, '10.15.0.0/24', 'present', { destination_ip_form: 'prefix' })],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.15.0.0/24' })],
    });
    assert.deepEqual(await lines('cut'), ['a/curl → 10.15.0.0/24/:80 ×1 source unowned']);
  });
});

describe('the map', () => {
  test('is the same from rollups', async () => {
    const [a, b] = [node('rolled', 'a'), node('rolled', 'b')];
    await store({
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
      assert.deepEqual(await lines('rolled', { since }), ['a/curl → b/nginx:80 ×1 both'], since);
  });

  test('leaves Sonde’s own traffic out, and says where it is cut', async () => {
    const a = node('own', 'a');
    await store({
      flows: [
        a.flow(90, { process_name: 'sonde', workload_name: 'sonde', destination_ip: '192.0.2.1' }),
        ...[2, 3].map((n) =>
          a.flow(90, { process_name: 'curl', destination_ip: `192.0.2.${n}`, connections_opened: n }),
        ),
      ],
    });
    assert.equal((await lines('own')).length, 2);
    assert.equal((await lines('own', { own: 'true' })).length, 3);
    const { edges, truncated, totals } = await mapOf('own', { limit: '1' });
    assert.deepEqual([edges.length, truncated, totals.all], [1, true, { edges: 2, connections: 5 }]);
  });

  test('is empty where nothing was seen', async () => {
    const { edges, totals } = await mapOf('nothing');
    assert.deepEqual([edges, totals.all], [[], { edges: 0, connections: 0 }]);
  });

  test('what is asked wrongly is said', async () => {
    for (const query of [{ since: 'long' }, { limit: '0' }, { host: 'a' }, { own: 'maybe' }]) {
      const error: unknown = await mapOf('wrong', query as Record<string, string>).catch(
        (reason: unknown) => reason,
      );
      assert.ok(isOperatorError(error), JSON.stringify(query));
      assert.equal(error.code, 'request.malformed');
    }
  });
});

test('nodes: when each was heard, its version, its clock and what it covers', async () => {
  const window = (host: string, ago: number, fields: Fields = {}) =>
    rowOf('windows', ago, { environment: 'nodes', host_name: host, agent_version: '1.2.3', ...fields });
  const counted = { coverage_seen: 9, coverage_kernel: 10, attributed: 3, attributable: 4 };
  await store({
    windows: [
      ...Array.from({ length: 60 }, (_, i) => window('a', 600 - 10 * i, counted)),
      window('b', 7200, { clock_offset_ms: -120_400, clock_correction_ms: -120_000, window_last: true }),
    ],
  });
  const { nodes } = await ask.nodes({ query: { environment: 'nodes', since: '10m' }, signal });
  const iso = (ago: number) => new Date(asker.nowMs - ago * secondMs).toISOString();
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
