import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConnectionState, Direction } from './connection.ts';
import { connectionMatcher, filterProblem, type ConnectionFilter, type FilterTarget } from './filter.ts';

const curl: FilterTarget = {
  'process.name': 'curl',
  'destination.ip': '10.1.2.3',
  'destination.port': 443,
  'connection.state': 'closed',
  direction: 'egress',
};

function matches(filter: ConnectionFilter, change: Partial<FilterTarget> = {}): boolean {
  assert.equal(filterProblem(filter), undefined);
  return connectionMatcher(filter)({ ...curl, ...change });
}

test('an empty filter lets everything through', () => assert.ok(matches({})));

test('all that is set must hold', () => {
  const filter: ConnectionFilter = {
    process: 'curl',
    destination: '10.0.0.0/8',
    port: 443,
    states: ['closed'],
    direction: 'egress',
  };
  assert.ok(matches(filter));
  assert.ok(!matches(filter, { 'process.name': 'wget' }));
  assert.ok(!matches(filter, { 'destination.ip': '11.1.2.3' }));
  assert.ok(!matches(filter, { 'destination.port': 444 }));
  assert.ok(!matches(filter, { 'connection.state': 'open' }));
  assert.ok(!matches(filter, { direction: 'ingress' }));
});

describe('process', () => {
  const cases: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
    ['curl', 'curl', true],
    ['curl', 'curly', false],
    ['curl', 'libcurl', false],
    ['cur*', 'curl', true],
    ['*url', 'curl', true],
    ['c*l', 'cl', true],
    ['*', '', true],
    ['', '', true],
    ['', 'curl', false],
    // Every other character stands for itself.
    ['c.rl', 'curl', false],
    ['python3.11', 'python3.11', true],
    ['(sd-pam)', '(sd-pam)', true],
    ['a[b]+?^${c}|\\', 'a[b]+?^${c}|\\', true],
    // A process may call itself anything.
    ['a*b', 'a\nb', true],
    ['curl', 'curl\n', false],
  ];
  for (const [pattern, name, expected] of cases) {
    test(`${JSON.stringify(pattern)} ${expected ? 'is' : 'is not'} ${JSON.stringify(name)}`, () => {
      assert.equal(matches({ process: pattern }, { 'process.name': name }), expected);
    });
  }
});

describe('destination', () => {
  const cases: readonly (readonly [destination: string, ip: string, matches: boolean])[] = [
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.2.0/24', '10.1.2.255', true],
    ['10.1.2.0/24', '10.1.3.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::1', '2001:db8::1', true],
    ['2001:DB8:0::1', '2001:db8::1', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['::/0', '2001:db8::1', true],
    // Records show a mapped address as the IPv4 one that it is.
    ['::ffff:10.1.2.3', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '11.1.2.3', false],
  ];
  for (const [destination, ip, expected] of cases) {
    test(`${ip} ${expected ? 'is' : 'is not'} in ${destination}`, () => {
      assert.equal(matches({ destination }, { 'destination.ip': ip }), expected);
    });
  }

  for (const destination of [
    '',
    'example.org',
    '10.1.2',
    '10.1.2.3/33',
    '10.1.2.3/',
    '10.1.2.3/8/8',
    '10.1.2.3/-1',
    '10.1.2.3/1.5',
    '::1/129',
    '::1/x',
    '010.1.2.3',
    'fe80::1%lo',
    'fe80::1%lo/64',
  ]) {
    test(`${JSON.stringify(destination)} is neither an address nor a network`, () => {
      assert.equal(
        filterProblem({ destination }),
        `destination ${destination} is neither an address nor a CIDR`,
      );
    });
  }
});

test('ports', () => {
  assert.ok(matches({ port: 0 }, { 'destination.port': 0 }));
  assert.ok(matches({ port: 65_535 }, { 'destination.port': 65_535 }));
  for (const port of [-1, 65_536, 1.5, Number.NaN]) {
    assert.equal(filterProblem({ port }), `port ${port} is not between 0 and 65535`);
  }
});

test('states', () => {
  assert.ok(matches({ states: ['refused', 'closed'] }));
  assert.ok(!matches({ states: ['refused', 'timed_out'] }));
  const states = ['closed', 'shut'] as ConnectionState[];
  assert.match(filterProblem({ states }) ?? '', /^state shut is none of open, closed, .*failed$/);
});

test('direction', () => {
  const direction = 'both' as Direction;
  assert.equal(filterProblem({ direction }), 'direction both is neither egress nor ingress');
});
