import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ProcessLabels } from '../../model/record.ts';
import { ownershipSchema, type OwnershipRule } from './config.ts';
import { candidatesOf, missOf, ruleFor, withRule, type Matched } from './ownership.ts';

const payd: Matched = {
  process: ['payd'],
  executable: ['/opt/pay/bin/payd'],
  unit: ['pay@1.service'],
  cgroup: ['/pay.slice/pay@1.service'],
  container: ['9bca8d63', 'payments'],
  image: [],
  pod: [],
  namespace: [],
  uid: 4711,
  user: 'pay',
};
const anonymous: Matched = { ...payd, user: undefined };

function rules(...given: readonly object[]): readonly OwnershipRule[] {
  return ownershipSchema.parse(given.map((rule, i) => ({ id: `r${String(i)}`, owner: 'them', ...rule })));
}

function miss(match: object, process: Matched = payd) {
  return missOf(rules({ match })[0]!, process);
}

describe('what matches', () => {
  for (const match of [
    { process: 'payd' },
    { process: ['nginx', 'pay?'] },
    { executable: '/opt/pay/*' },
    { unit: 'pay@*.service' },
    { cgroup: '/pay.slice/*' },
    { container: '9bca*' },
    { container: ['web', 'payments'] },
    { user: 'pay' },
    { user: 4711 },
    { user: ['root', '*'] },
    { process: 'payd', unit: 'pay@*', user: 4711 },
    { process: 'payd', port: 1 },
  ])
    test(JSON.stringify(match), () => assert.equal(miss(match), undefined));
});

describe('what does not, and why', () => {
  const cases: readonly (readonly [match: object, key: string, has: string | undefined])[] = [
    [{ process: 'pay' }, 'process', 'payd'],
    [{ process: ['a', 'b'] }, 'process', 'payd'],
    [{ process: 'payd', unit: 'nginx.service' }, 'unit', 'pay@1.service'],
    [{ container: 'web' }, 'container', '9bca8d63, payments'],
    [{ image: '*' }, 'image', undefined],
    [{ pod: '*' }, 'pod', undefined],
    [{ user: 'root' }, 'user', 'pay (4711)'],
    [{ user: '4711' }, 'user', 'pay (4711)'],
    [{ user: 0 }, 'user', 'pay (4711)'],
  ];
  for (const [match, key, has] of cases)
    test(JSON.stringify(match), () => {
      const { wanted: _, ...told } = miss(match) ?? {};
      assert.deepEqual(told, { key, has });
    });
  test('a user without a name', () => assert.equal(miss({ user: '*' }, anonymous)?.has, '4711'));
});

describe('the first that matches counts', () => {
  const chosen = (given: readonly object[], port?: number) =>
    ruleFor(candidatesOf(rules(...given), payd), port)?.id;

  test('of several', () =>
    assert.equal(
      chosen([{ match: { process: 'x' } }, { match: { user: 'pay' } }, { match: { process: 'payd' } }]),
      'r1',
    ));
  test('none', () => assert.equal(chosen([{ match: { process: 'x' } }]), undefined));

  const ports = [
    { match: { port: [80, '8000-8099'], process: 'payd' } },
    { match: { port: 443, process: 'nginx' } },
    { match: { process: 'payd' } },
    { match: { port: 5432 } },
  ];
  for (const [port, id] of [
    [80, 'r0'],
    [8000, 'r0'],
    [8099, 'r0'],
    [8100, 'r2'],
    [443, 'r2'],
    [5432, 'r2'],
    [undefined, 'r2'],
  ] as const)
    test(`by the port that it serves: ${String(port)}`, () => assert.equal(chosen(ports, port), id));
  test('a port alone', () => {
    assert.equal(chosen(ports.slice(3), 5432), 'r0');
    assert.equal(chosen(ports.slice(3)), undefined);
  });
});

describe('labels', () => {
  const [full, part] = rules(
    { match: { process: '*' }, name: 'payments', environment: 'production', labels: { tier: 'gold' } },
    { match: { process: '*' }, owner: 'team-pay' },
  );
  const service: ProcessLabels = { 'process.name': 'payd', 'workload.name': 'pay@1.service' };

  test('a rule\u2019s own', () =>
    assert.deepEqual(withRule(service, full), {
      'process.name': 'payd',
      'workload.name': 'payments',
      'workload.owner': 'them',
      environment: 'production',
      labels: { tier: 'gold' },
      'workload.rule': 'r0',
    }));
  test('what it leaves out stays', () =>
    assert.deepEqual(withRule(service, part), {
      ...service,
      'workload.owner': 'team-pay',
      'workload.rule': 'r1',
    }));
  test('no rule, no change', () => assert.equal(withRule(service, undefined), service));
  test('Sonde\u2019s own processes keep their name', () => {
    const own = { ...service, 'workload.name': 'sonde' };
    assert.deepEqual(
      ['workload.name', 'workload.owner'].map((label) => withRule(own, full)[label as keyof ProcessLabels]),
      ['sonde', 'them'],
    );
  });
});
