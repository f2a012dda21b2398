import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { selfLabels, type SelfParts } from './self.ts';

const usage = { agentCpu: 0.010_000_4, programsCpu: 0.02, agentBytes: 9e7, mapBytes: 1e7 };

describe('a closing record says of the agent', () => {
  const cases: readonly (readonly [
    title: string,
    parts: { readonly [part in keyof SelfParts]?: Partial<SelfParts[part]> },
    told: object,
  ])[] = [
    ['nothing where there is nothing to say', {}, {}],
    [
      'what it took',
      { budget: { status: () => ({ step: 'everything', usage }) } },
      { 'budget.cpu': 0.03, 'budget.memory': 1e8 },
    ],
    [
      'the lowest step since the last one, also one that was taken back',
      { budget: { takeMoves: () => [{ from: 'longer_windows', to: 'windows' }] } },
      { 'budget.step': 'longer_windows' },
    ],
    [
      'who is how far behind',
      { delivery: { status: () => ({ jsonl: { behindRecords: 0 }, otlp: { behindRecords: 7 } }) } },
      { 'exporters.behind': { jsonl: 0, otlp: 7 } },
    ],
  ];
  for (const [title, parts, told] of cases)
    test(title, () => {
      const budget = {
        status: () => ({ step: 'everything', usage: null }) as const,
        takeMoves: () => [],
        ...parts.budget,
      };
      assert.deepEqual(selfLabels({ budget, delivery: { status: () => ({}), ...parts.delivery } }), told);
    });
});
