import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExpectations } from '../../../hub/expect/file.ts';
import { seenDestination } from '../../../../test/destination.ts';
import type { Destination, DestinationList } from '../../../question/destination.ts';
import { portTexts } from './ports.ts';
import { propose } from './proposal.ts';
import { scalar, yamlLines } from './yaml.ts';

const seen = seenDestination;

function named(name: string, more: Partial<Destination> = {}): Destination {
  return { ...seen, name, name_source: 'dns', ...more };
}

function listOf(destinations: readonly Destination[]): DestinationList {
  return {
    from: '2026-11-16T00:00:00.000Z',
    to: '2026-11-30T12:00:00.000Z',
    names_from: '2026-11-27T12:00:00.000Z',
    destinations: [...destinations],
    truncated: false,
  };
}

function linesOf(destinations: readonly Destination[]): string[] {
  return yamlLines(propose(listOf(destinations)), { owner: 'unknown', now: '2026-11-30T12:00:00.000Z' });
}

const history = [
  named('api.partner.example', { port: 443 }),
  named('api.partner.example', { port: 443, ip: '203.0.113.8' }),
  ...['a', 'b', 'c', 'd'].map((host) => named(`${host}.cdn.example`)),
  named('cdn.example'),
  ...[1, 2, 3].map((n) => ({ ...seen, ip: `10.0.0.${n}`, port: 5432 })),
  ...[1, 2].map((n) => ({ ...seen, ip: `10.0.1.${n}`, port: 5432 })),
  { ...seen, ip: '169.254.169.254', port: 80 },
  { ...seen, ip: '198.51.100.0/24', port: 123, transport: 'udp', connections_established: 0 },
  named('refused.example', { connections_established: 0 }),
  { ...seen, ip: '203.0.113.99', last_seen: '2026-11-25T10:00:00.000Z' },
  named('known.example', { expectation: 'shop.yaml:2' }),
];

test('an entry for each who, names before addresses, together where several share what is more', () => {
  assert.deepEqual(linesOf(history), [
    'expectations:',
    '  # left out, destinations that never answered: 1',
    '  # left out, public addresses last seen before 2026-11-27, of which no names are kept: 1',
    '  - whom: { environment: production, workload: shop, process: api }',
    '    talks_to:',
    '      - names:',
    "          - '*.cdn.example' # 4 names, 40 connections on 2 days, last 2026-11-30",
    '          - api.partner.example # 20 connections on 2 days, last 2026-11-30',
    '          - cdn.example # 10 connections on 2 days, last 2026-11-30',
    '        ports: [443]',
    '        transport: tcp',
    '      - networks:',
    '          - 10.0.0.0/24 # 3 addresses, 30 connections on 2 days, last 2026-11-30',
    '          - 10.0.1.1 # 10 connections on 2 days, last 2026-11-30',
    '          - 10.0.1.2 # 10 connections on 2 days, last 2026-11-30',
    '        ports: [5432]',
    '        transport: tcp',
    '      - networks:',
    '          - 198.51.100.0/24 # 10 connections on 2 days, last 2026-11-30',
    '        ports: [123]',
    '        transport: udp',
    '      - scopes:',
    '          - metadata # 10 connections on 2 days, last 2026-11-30',
    '        ports: [80]',
    '        transport: tcp',
    '    why: seen from 2026-11-20 to 2026-11-30',
    '    owner: team-shop',
    '    review: 2027-02-28',
  ]);
});

test('what is proposed is a sound file, the same in whatever order it was told', () => {
  const others = [
    named('other.example', { workload: '', process: 'curl *', owner: '', environment: '' }),
    named('*', { process: "it's \u202e\n", port: 0 }),
    named('x'.repeat(250), { process: 'true' }),
  ];
  const lines = linesOf([...history, ...others]);
  assert.deepEqual(linesOf([...history, ...others].reverse()).toSorted(), lines.toSorted());
  const parsed = parseExpectations(lines.join('\n'), 'learned.yaml');
  assert.deepEqual(
    parsed.map(({ whom, owner }) => [whom.process, owner]),
    [
      ['api', 'team-shop'],
      ['curl ?', 'unknown'],
      ["it's \u202e\n", 'team-shop'],
      ['true', 'team-shop'],
    ],
  );
  assert.deepEqual(parsed[2]?.talks_to[0]?.names, ['?'], 'a name is no pattern');
  assert.deepEqual(linesOf([]), ['expectations: []']);
  assert.deepEqual(parseExpectations('expectations: []', 'learned.yaml'), []);
});

test('names of Kubernetes and of lists are no domains; customers of a cloud are apart', () => {
  const services = ['a', 'b', 'c', 'd'].map((host) => named(`${host}.billing.com`, { name_source: 'k8s' }));
  const buckets = ['a', 'b', 'c', 'd'].map((host) => named(`${host}.s3.amazonaws.com`));
  const texts = propose(listOf([...services, ...buckets]))[0]?.targets.flatMap(({ items }) =>
    items.map(({ text }) => text),
  );
  assert.deepEqual(texts, [
    ...['a.billing.com', 'a.s3.amazonaws.com', 'b.billing.com', 'b.s3.amazonaws.com'],
    ...['c.billing.com', 'c.s3.amazonaws.com', 'd.billing.com', 'd.s3.amazonaws.com'],
  ]);
});

test('many ports of one destination are runs, or all that programs choose', () => {
  assert.deepEqual(portTexts([443, 80, 443]), ['80', '443']);
  assert.deepEqual(portTexts([8001, 8000, 8002, 9000]), ['8000-8002', '9000']);
  assert.deepEqual(portTexts([21, ...Array.from({ length: 17 }, (_, n) => 40_000 + 7 * n)]), [
    '21',
    '1024-65535',
  ]);
  assert.deepEqual(portTexts(Array.from({ length: 17 }, (_, n) => 1 + 2 * n)), ['1-1023']);
  assert.deepEqual(portTexts([0, 443]), []);
});

test('a text is itself in YAML, whatever is in it', () => {
  for (const text of [
    'shop',
    'no',
    '10.0.0.0/8',
    '1.5',
    'a: b',
    "it's",
    '*',
    '- x',
    '#',
    '\u001b[2J',
    '2001:db8::1',
  ])
    assert.equal(parseExpectations(sample(text), 'x.yaml')[0]?.owner, text);
});

function sample(owner: string): string {
  return `expectations:
  - whom: { workload: a }
    talks_to: [{ names: [b] }]
    why: because
    owner: ${scalar(owner)}
    review: 2027-01-01`;
}
