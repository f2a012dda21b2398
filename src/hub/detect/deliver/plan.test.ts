import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../question/finding.ts';
import { hasWon, plan, planLimits, type Attempt, type Planning } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 5, 12);
const at = (ms: number): string => new Date(nowMs + ms).toISOString();

const finding: Finding = {
  finds: 'storms',
  id: 'f1',
  question: 'q',
  title: 'it storms',
  severity: 'warning',
  labels: {},
  state: 'open',
  startedAt: at(-60_000),
  lastAt: at(-30_000),
  closedAt: null,
  statistic: 1,
  baseline: null,
  threshold: 0.5,
  windowMs: 30_000,
  facts: {},
  evidence: { query: {}, rows: [] },
  nextStep: 'look',
  technique: '',
  muted: '',
};
const target = { name: 't', severity: 'warning', closed: true } as const;
const attempt = (result: Attempt['result'], agoMs: number, more: Partial<Attempt> = {}): Attempt => ({
  ...{ question: 'q', id: 'f1', event: 'opened', target: 't', hub: 'a' },
  ...{ result, atMs: nowMs - agoMs, ...more },
});
const planned = (attempts: readonly Attempt[], more: Partial<Planning> = {}): string[] => {
  const { deliver, end } = plan({
    ...{ findings: [finding], attempts, targets: [target], perDay: 20, nowMs },
    ...more,
  });
  return [...deliver.map(({ event }) => event), ...end.map(({ event, result }) => `${event} ${result}`)];
};

test('it is tried again after a back-off that doubles, and given up after a day', () => {
  const { backOffMsMin, tryMsMax } = planLimits;
  const failed = (...ago: number[]) => ago.map((ms) => attempt('failed', ms));
  assert.deepEqual(planned(failed(backOffMsMin - 1)), []);
  assert.deepEqual(planned(failed(backOffMsMin)), ['opened']);
  assert.deepEqual(planned(failed(10 * backOffMsMin, 2 * backOffMsMin - 1)), []);
  assert.deepEqual(planned(failed(10 * backOffMsMin, 2 * backOffMsMin)), ['opened']);
  assert.deepEqual(planned(failed(tryMsMax + 1, 7_200_000)), ['opened gave_up']);
});

test('what another hub claimed is left to it, for a minute', () => {
  assert.deepEqual(planned([attempt('claimed', planLimits.claimMs - 1)]), []);
  assert.deepEqual(planned([attempt('claimed', planLimits.claimMs)]), ['opened']);
});

test('nothing follows what was sent, refused or over the budget', () => {
  for (const result of ['sent', 'refused', 'over_budget', 'gave_up'] as const) {
    assert.deepEqual(planned([attempt('claimed', 5000), attempt(result, 4000)]), [], result);
  }
});

test('that it is over is told to whom it was told, if they want it, and costs no budget', () => {
  const closed = { ...finding, state: 'closed', closedAt: at(0) } as const;
  const sent = [attempt('sent', 5000)];
  assert.deepEqual(planned(sent, { findings: [closed], perDay: 1 }), ['closed']);
  assert.deepEqual(planned(sent, { findings: [closed], targets: [{ ...target, closed: false }] }), []);
  assert.deepEqual(planned([attempt('refused', 5000)], { findings: [closed] }), []);
});

test('the budget is of findings and of a day: two targets are one, yesterday is another', () => {
  const two = [finding, { ...finding, id: 'f2' }];
  const targets = [target, { ...target, name: 'u' }];
  assert.deepEqual(planned([], { findings: two, targets, perDay: 1 }), [
    ...['opened', 'opened', 'opened over_budget', 'opened over_budget'],
  ]);
  const yesterday = attempt('sent', 13 * 3_600_000, { id: 'f0' });
  assert.deepEqual(planned([yesterday], { perDay: 1 }), ['opened']);
  assert.deepEqual(planned([{ ...yesterday, atMs: nowMs - 1000 }], { perDay: 1 }), ['opened over_budget']);
});

test('of those who claimed at once the first sends', () => {
  const delivery = { finding, event: 'opened', target: 't', failed: 0 } as const;
  const claims = [attempt('claimed', 900, { hub: 'b' }), attempt('claimed', 1000, { hub: 'c' })];
  const winners = (attempts: readonly Attempt[]) =>
    ['a', 'b', 'c'].filter((hub) => hasWon(attempts, delivery, { hub, nowMs }));
  assert.deepEqual(winners(claims), ['c']);
  assert.deepEqual(winners([...claims, attempt('claimed', 1000)]), ['a'], 'by name at the same moment');
  assert.deepEqual(winners([attempt('failed', 950), ...claims]), ['b'], 'not by a claim that failed');
  assert.deepEqual(winners([...claims, attempt('sent', 500)]), []);
});
