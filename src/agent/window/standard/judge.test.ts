import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { closingOptions, curl, node, row } from '../../../../test/observations.ts';
import type { FlowRow } from '../../../model/observation.ts';
import type { ProcessLabels } from '../../../model/record.ts';
import { plainStandard, type Findings, type Standard } from '../../../model/standard.ts';
import { windowCloser } from '../closing.ts';
import { openPolicy, type FieldPolicy } from '../policy/policy.ts';
import type { Labelled } from '../records.ts';
import { judgeOf } from './judge.ts';

const web: ProcessLabels = {
  ...curl,
  'workload.name': 'web',
  'workload.owner': 'team-web',
  labels: { tier: 'gold' },
};
const old: ProcessLabels = { ...curl, 'workload.name': 'old', 'workload.owner': 'bob' };

interface Told extends Findings {
  readonly unlabelled: Readonly<Record<string, number>>;
  readonly nonstandard: Readonly<Record<string, number>>;
}

function told(
  standard: Partial<Standard>,
  rows: readonly Labelled<FlowRow>[],
  { policy = closingOptions.policy, of = node }: { policy?: FieldPolicy; of?: typeof node } = {},
): Told {
  const judge = judgeOf({ ...plainStandard, ...standard }, of);
  const close = windowCloser(policy.node(of), { ...closingOptions, policy, judge });
  const { closing, findings } = close({
    bounds: { number: 1, start: '', end: '', last: false },
    rows,
    losses: {},
    namespaces: [],
    signals: [],
  });
  return { ...findings, unlabelled: closing.unlabelled, nonstandard: closing.nonstandard };
}

const kinds = (of: Told) =>
  of.findings.map(({ label, rule, workload, records }) => [label, rule, workload, records]);

describe('the seven', () => {
  test('nothing falls short when all is known; a latency of null is no fault', () => {
    assert.deepEqual(told({}, [row()]).unlabelled, {});
  });

  test('what is unknown is missing, of the node too', () => {
    const nobody = row({}, { 'process.name': 'unknown' });
    const of = { ...node, environment: 'unknown' };
    assert.deepEqual(told({}, [nobody, row({ state: 'open' })], { of }).unlabelled, {
      'process.name': 1,
      environment: 2,
    });
  });

  test('an environment that a rule gives is that of the process', () => {
    const of = { ...node, environment: 'unknown' };
    assert.deepEqual(told({}, [row({}, { ...curl, environment: 'lab' })], { of }).unlabelled, {});
  });
});

describe('a standard', () => {
  const standard = {
    required: ['workload.owner', 'labels.tier'],
    values: { environment: ['production'], 'labels.tier': ['gold', 'silver'] },
    patterns: { 'workload.owner': '^team-' },
  };
  const rows = [row({}, web), row({ state: 'open' }, old), row({ state: 'reset' }, old), row({}, curl)];

  test('tells missing, not allowed and not matching apart', () => {
    const { unlabelled, nonstandard, records, short } = told(standard, rows);
    assert.deepEqual(unlabelled, { 'workload.owner': 1, 'labels.tier': 3 });
    assert.deepEqual(nonstandard, { 'not_allowed.environment': 4, 'not_matching.workload.owner': 2 });
    assert.deepEqual([records, short], [4, 4]);
  });

  test('says by label and workload what falls short, most first, with an example', () => {
    const of = told({ ...standard, values: {} }, rows);
    assert.deepEqual(kinds(of), [
      ['labels.tier', 'missing', 'old', 2],
      ['workload.owner', 'not_matching', 'old', 2],
      ['labels.tier', 'missing', 'curl', 1],
      ['workload.owner', 'missing', 'curl', 1],
    ]);
    const [, owner] = of.findings;
    assert.deepEqual([owner?.value, owner?.example], ['bob', 'curl → 10.0.0.2:80']);
  });

  test('is about values as they are before the field policy, and tells none of them', async () => {
    const config = {
      preset: 'full',
      fields: { 'workload.owner': 'drop' },
      prefix_ipv4: 24,
      prefix_ipv6: 48,
    } as const;
    const of = told({ patterns: standard.patterns }, rows, { policy: await openPolicy(config) });
    assert.deepEqual(kinds(of), [['workload.owner', 'not_matching', 'old', 2]]);
    assert.equal(of.findings[0]?.value, null);
    assert.ok(!JSON.stringify(of).includes('bob'));
  });

  test('a row that others were added to falls short where one of them does', async () => {
    const fields = { 'process.name': 'truncate' } as const;
    const config = { preset: 'minimal', fields, prefix_ipv4: 24, prefix_ipv6: 48 } as const;
    const two = [row({}, { 'process.name': 'a b' }), row({}, { 'process.name': 'a c', 'user.id': 5 })];
    const of = told({ required: ['user.id'] }, two, { policy: await openPolicy(config) });
    assert.deepEqual([of.records, kinds(of)], [1, [['user.id', 'missing', 'a', 1]]]);
  });

  test('labels of lookups are not asked of flows', () => {
    assert.deepEqual(told({ required: ['dns.rcode'] }, [row()]).unlabelled, {});
  });
});
