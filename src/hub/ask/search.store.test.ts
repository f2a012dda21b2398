/** Searches on the embedded engine: what a filter means there is what it means in memory. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openAsker, type Asker } from '../../../test/asking.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { prng } from '../../lib/prng.ts';
import type { Row, TableName } from '../../model/block.ts';
import { questionsFolder } from '../../question/discovery.ts';
import { readSearched } from '../../question/search/asked.ts';
import type { SearchAnswer } from '../../question/search/contract.ts';
import { searchTables } from '../../question/search/fields.ts';
import { rowMatcher } from '../../question/search/match.ts';
import { termOf } from '../../question/search/term.ts';
import type { Ask } from './ask.ts';

type Query = Readonly<Record<string, string>>;
type Fields = Readonly<Record<string, unknown>>;

const { signal } = new AbortController();
let asker: Asker;
let ask: Ask;
const rows: Partial<Record<TableName, Row[]>> = {};

/** Values that are easily read in two ways. */
const texts = [
  'curl',
  'Curl',
  'CURL 7',
  '',
  'a*b',
  'a%b',
  'a_b',
  'a\\b',
  'say "hi"',
  'sonde',
  'naïve Ä',
  'ÄÖ.Example.COM',
  'api.example.com',
  'x,y',
  '(sd-pam)',
  'line\nbreak',
];
const addresses = [
  '10.0.0.1',
  '10.255.255.255',
  '11.0.0.0',
  '10.1.2.0/24',
  '0.0.0.0/0',
  '::',
  '::/0',
  '::1',
  'fe80::1',
  '2001:db8::5',
  '2001:db9::',
  '',
  'deadbeef',
  '10.0.0',
];
const states = ['closed', 'open', 'refused', 'timed_out', 'reset'];
const names = {
  process: texts,
  workload: ['', 'sonde', 'api', 'web'],
  state: states,
  direction: ['egress', 'ingress'],
};

function rowOf(table: TableName, agoMs: number, fields: Fields): Row {
  const startMs = asker.nowMs - agoMs;
  const all: Fields = {
    host_name: 'n0',
    agent_instance: 'main',
    boot_id: 'boot',
    time: new Date(startMs).toISOString(),
    window_start: new Date(startMs).toISOString(),
    window_end: new Date(startMs + 10_000).toISOString(),
    ...fields,
  };
  return asker.store.tables[table].map((column) => all[column] ?? null);
}

const filled = 200;

function chance(seed: number) {
  const random = prng(seed);
  const below = (end: number): number => random.below(end);
  return { below, pick: <T>(of: readonly T[]): T => of[below(of.length)] as T };
}

function fill(): void {
  const { below, pick } = chance(11);
  for (let i = 1; i <= filled; i++) {
    const agoMs = 20_000 + below(600) * 1000;
    const end: Fields = {
      record_sequence: i,
      host_name: pick(['n0', 'n1', 'n-2']),
      environment: pick(['', 'lab']),
      process_name: pick(names.process),
      workload_name: pick(names.workload),
      user_id: pick([null, 0, 1000]),
      labels: pick([{}, { tier: 'gold' }, { tier: '', 'app/x': 'a b' }]),
      direction: pick(names.direction),
      destination_ip: pick(addresses),
      destination_name: pick(texts),
      destination_port: pick([0, 80, 443, 65_535]),
      boundary_crossed: pick([true, false]),
      connection_state: pick(states),
    };
    const latency = { latency_count: pick([0, 1, 3]), latency_sum_ms: pick([0, 0.5, 250, 750, 1e6]) };
    const flow = { ...end, ...latency, source_ip: pick(addresses), bytes_sent: pick([0, 1, 2 ** 53 - 1]) };
    (rows.flows ??= []).push(rowOf('flows', agoMs, flow));
    const answers = pick([[], ['10.0.0.1'], ['a.b', 'Mixed.Case'], ['']]);
    const dns = { ...end, ...latency, dns_answers: answers, dns_rcode: pick(['NOERROR', 'NXDOMAIN']) };
    (rows.dns ??= []).push(rowOf('dns', agoMs, dns));
    const lost = pick([{}, { 'kernel.ring_full': 3 }, { 'kernel.ring_full': 0, 'spool.full': 1 }]);
    (rows.windows ??= []).push(rowOf('windows', agoMs, { ...end, lost, window_ms: 10_000 }));
  }
}

before(async () => {
  asker = await openAsker();
  ask = asker.openAsk(questionsFolder());
  fill();
  await asker.insert(rows);
});

after(() => asker[Symbol.asyncDispose]());

function search(query: Query): Promise<SearchAnswer> {
  return ask.search({ query: { limit: '1000', ...query }, signal });
}

function sequences(of: readonly Row[], table: string): number[] {
  const at = asker.store.tables[searchTables[table]?.table ?? 'flows'].indexOf('record_sequence');
  return of.map((row) => Number(row[at])).sort((a, b) => a - b);
}

/** Those of the store and of memory, which must be the same; how many. */
async function both(query: Query): Promise<number> {
  const { table, filter } = readSearched(query);
  const stored = searchTables[table]?.table ?? 'flows';
  const matches = rowMatcher(filter, asker.store.tables[stored]);
  const inMemory = sequences((rows[stored] ?? []).filter(matches), table);
  const answer = await search(query);
  const found = answer.rows.map((row) => Number(row['record.sequence'])).sort((a, b) => a - b);
  assert.deepEqual(found, inMemory, JSON.stringify(query));
  return found.length;
}

describe('a filter means the same in the store and in memory', () => {
  const some: readonly Query[] = [
    { filter: '' },
    { filter: 'process.name=curl' },
    { filter: 'process.name=C*' },
    { filter: 'process.name~CURL' },
    { filter: 'process.name!~curl' },
    { filter: 'process.name=""' },
    { filter: 'process.name="a*b"' },
    { filter: 'process.name=a*b' },
    { filter: 'process.name~%' },
    { filter: 'process.name~_' },
    { filter: 'process.name~\\' },
    { filter: 'process.name=line*' },
    { filter: 'process.name~ÄÖ' },
    { filter: 'destination.name~*.example.com' },
    { filter: 'destination.name~Ä' },
    { filter: 'example' },
    { filter: '-example -curl' },
    { filter: 'host.name=(n0,n-2) direction!=ingress' },
    { filter: 'destination.ip=10.0.0.0/8' },
    { filter: '-destination.ip=10.0.0.0/8' },
    { filter: 'destination.ip=::/0' },
    { filter: 'destination.ip=0.0.0.0/0' },
    { filter: 'destination.ip=2001:db8::/32,fe80::/10' },
    { filter: 'destination.ip="10.1.2.0/24"' },
    { filter: 'destination.ip=""' },
    { filter: '10.0.0.0/8' },
    { filter: 'destination.port>=80 destination.port<65535' },
    { filter: 'destination.port=80,443' },
    { filter: 'destination.port!=80.5' },
    { filter: 'bytes.sent>=9007199254740991' },
    { filter: 'latency_ms>=250' },
    { filter: '-latency_ms>=250' },
    { filter: 'latency_ms<1s' },
    { filter: 'latency_ms=""' },
    { filter: 'user.id=0' },
    { filter: 'user.id!=0' },
    { filter: 'user.id=""' },
    { filter: 'boundary.crossed=true' },
    { filter: 'boundary.crossed!=true' },
    { filter: 'labels.tier=gold' },
    { filter: 'labels.tier=""' },
    { filter: '-labels.app/x~A' },
    { filter: 'workload.name=sonde' },
    { filter: 'service.name!=sonde', own: 'true' },
    { filter: '', own: 'true', host: 'n1', environment: 'lab' },
    { table: 'dns', filter: 'dns.answers=10.0.0.1' },
    { table: 'dns', filter: 'dns.answers~mixed' },
    { table: 'dns', filter: '-dns.answers=*' },
    { table: 'dns', filter: 'dns.answers=""' },
    { table: 'windows', filter: 'lost.kernel.ring_full>0' },
    { table: 'windows', filter: '-lost.kernel.ring_full>0' },
  ];
  for (const query of some) {
    test(JSON.stringify(query), async () => {
      const found = await both(query);
      assert.ok(found > 0, 'some');
    });
  }

  test('whatever is put together', async () => {
    const { below, pick } = chance(5);
    const terms: readonly (() => string)[] = [
      () => termOf('process.name', pick(names.process)),
      () => termOf('destination.ip', pick(addresses)),
      () => `destination.ip=${pick(['10.0.0.0/9', '::/1', '10.0.0.0/32', '::ffff:0:0/96'])}`,
      () => `destination.port${pick(['=', '!=', '<', '<=', '>', '>='])}${pick([0, 80, 443, 1e5])}`,
      () => `process.name${pick(['~', '!~', '=', '!='])}${pick(['c*', '*B', '*r*7', 'u', '**', 'i*i'])}`,
      () => `connection.state=${pick(states)},${pick(states)}`,
      () => `latency_ms${pick(['<', '>='])}${pick([0, 1, 250, 1e6])}`,
    ];
    let found = 0;
    for (let i = 0; i < 20; i++) {
      const filter = Array.from({ length: 1 + below(3) }, () => `${pick(['', '-'])}${pick(terms)()}`);
      found += await both({ filter: filter.join(' '), own: 'true' });
    }
    assert.ok(found > filled, String(found));
  });
});

describe('an answer', () => {
  test('comes newest first, page by page, each row once', async () => {
    const whole = await search({ own: 'true', filter: 'direction=egress' });
    const pages: SearchAnswer[] = [];
    for (let page: string | null | undefined; page !== null; page = pages.at(-1)?.next) {
      const query = { own: 'true', filter: 'direction=egress', limit: '30' };
      pages.push(await search(page === undefined ? query : { ...query, page }));
    }
    assert.ok(pages.length > 2);
    const at = (row: SearchAnswer['rows'][number]): string => String(row['window.start']);
    const times = whole.rows.map(at);
    assert.deepEqual(times, [...times].sort().reverse());
    const all = pages.flatMap((each) => each.rows);
    assert.deepEqual(
      all.map((row) => row['record.sequence']),
      whole.rows.map((row) => row['record.sequence']),
    );
    const [{ from, to } = { from: '', to: '' }] = pages;
    for (const page of pages) assert.deepEqual([page.from, page.to], [from, to]);
  });

  test('has labels, the weightiest first, and no column that no row has', async () => {
    const {
      columns,
      glance,
      rows: found,
      title,
      truncated,
      coverage,
    } = await search({
      filter: 'user.id=1000 labels.tier=gold latency_ms>0',
      limit: '1',
    });
    assert.deepEqual(
      columns.slice(0, 4).map(({ name, type, title: head }) => [name, type, head]),
      [
        ['window.start', 'time', 'Time'],
        ['process.name', 'text', 'Process'],
        ['direction', 'text', 'Direction'],
        ['destination.name', 'text', 'Destination'],
      ],
    );
    assert.equal(columns[glance - 1]?.name, 'source.ip');
    const [row = {}] = found;
    assert.ok(Number(row['latency_ms']) > 0);
    assert.equal(row['labels'], 'tier=gold');
    assert.equal(row['user.id'], 1000);
    assert.equal(typeof row['record.sequence'], 'number');
    assert.equal(row['bytes.received'], 0);
    assert.ok(!('resets.sent' in row), 'nothing');
    const known = columns.map(({ name }) => name);
    assert.deepEqual(Object.keys(row).sort(), [...known].sort());
    assert.deepEqual([title, truncated], ['Flows', true]);
    assert.equal(coverage.nodes.of, 3 * 2);
  });

  test('of nothing has no rows, and says what it rests on', async () => {
    const { rows: found, next, coverage } = await search({ filter: 'host.name=elsewhere' });
    assert.deepEqual([found, next], [[], null]);
    assert.ok(coverage.notes.length > 0);
  });
});

describe('facets', () => {
  test('count values under the same filter', async () => {
    const query = {
      filter: 'direction=egress',
      field: 'process.name,destination.port,labels.tier',
      limit: '3',
    };
    const { facets } = await ask.facets({ query, signal });
    const matches = rowMatcher(readSearched({ filter: query.filter }).filter, asker.store.tables.flows);
    const of = (rows.flows ?? []).filter(matches);
    const counts = new Map<string, number>();
    const at = asker.store.tables.flows.indexOf('process_name');
    for (const row of of) counts.set(String(row[at]), (counts.get(String(row[at])) ?? 0) + 1);
    const most = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 3);
    assert.deepEqual(facets[0], {
      field: 'process.name',
      different: counts.size,
      rows: of.length,
      values: most.map(([value, n]) => ({ value, rows: n })),
    });
    assert.deepEqual(
      facets.map(({ field, values }) => [field, values.length]),
      [
        ['process.name', 3],
        ['destination.port', 3],
        ['labels.tier', 2],
      ],
    );
  });

  test('of lists count each value, of a table without any nothing', async () => {
    const { facets } = await ask.facets({ query: { table: 'dns', field: 'dns.answers' }, signal });
    assert.deepEqual(
      new Set(facets[0]?.values.map(({ value }) => value)),
      new Set(['', '10.0.0.1', 'a.b', 'Mixed.Case']),
    );
    const none = await ask.facets({ query: { table: 'listeners' }, signal });
    assert.ok(none.facets.length > 3 && none.facets.every(({ values }) => values.length === 0));
  });
});

test('what cannot be asked is said', async () => {
  const tables = 'flows, events, dns, listeners, addresses, windows';
  const wrong: readonly (readonly [Query, string])[] = [
    [
      { filter: 'host.nme=x' },
      'the filter is wrong at character 1: there is no field host.nme, nearest is host.name',
    ],
    [{ table: 'flow' }, `search: table must be one of ${tables}; got flow`],
    [{ table: 'constructor' }, `search: table must be one of ${tables}; got constructor`],
    [{ limit: '1001' }, 'search: limit must be a whole number between 1 and 1000; got 1001'],
    [{ since: 'soon' }, 'search: since must be a duration such as 15m; got soon'],
    [{ page: 'e30' }, 'search: page is none that an answer named'],
    [{ page: '%' }, 'search: page is none that an answer named'],
  ];
  for (const [query, message] of wrong) {
    await assert.rejects(
      search(query),
      (error) => isOperatorError(error) && error.message === message,
      message,
    );
  }
  const facets: readonly (readonly [Query, string])[] = [
    [{ field: 'latency_ms' }, 'search: field has latency_ms, which is measured: it has no values to count'],
    [{ field: 'no.such' }, 'search: field has no.such, which is no field of flows'],
    [{ field: ','.repeat(12) }, 'search: field must be at most 12; got 13'],
    [{ limit: '0' }, 'search: limit must be a whole number between 1 and 100; got 0'],
  ];
  for (const [query, message] of facets) {
    const asked = ask.facets({ query, signal });
    await assert.rejects(asked, (error) => isOperatorError(error) && error.message === message, message);
  }
});
