import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Vitals } from '../../../model/vitals.ts';
import { alive, healthLimits, ready } from './health.ts';

const well: Vitals = {
  quietMs: 80,
  step: 'everything',
  stepSince: null,
  usage: null,
  limits: { cpu: 0.25, memory: 5e8 },
  counting: true,
  windowAgoMs: 9000,
  windowMs: 10_000,
  exporters: {},
};
const { quietMsMax, windowMsMin } = healthLimits;

describe('alive', () => {
  const cases: readonly (readonly [change: Partial<Vitals> | undefined, good: boolean, reason: string])[] = [
    [undefined, true, 'starting'],
    [{}, true, 'the loop came round 0.1 s ago'],
    [{ quietMs: quietMsMax }, true, 'the loop came round 60 s ago'],
    [{ quietMs: quietMsMax + 1000 }, false, 'the loop has stood still for 61 s'],
    [{ step: 'detached', counting: false }, true, 'the loop came round 0.1 s ago'],
  ];
  for (const [change, good, reason] of cases)
    test(reason, () => {
      assert.deepEqual(alive(change && { ...well, ...change }), { good, reason });
    });
});

describe('ready', () => {
  const cases: readonly (readonly [change: Partial<Vitals> | undefined, good: boolean, reason: RegExp])[] = [
    [undefined, false, /^starting/],
    [{}, true, /^counting; .* 9\.0 s ago$/],
    [{ windowAgoMs: 30_000 }, true, /30 s ago$/],
    [{ windowAgoMs: 31_000 }, false, /^no window has ended for 31 s, they are 10 s long$/],
    [{ windowMs: 100, windowAgoMs: windowMsMin }, true, /^counting/],
    [{ windowMs: 100, windowAgoMs: windowMsMin + 100 }, false, /^no window/],
    [{ step: 'longer_windows' }, true, /^counting/],
    [{ counting: false }, false, /^no programs are attached$/],
    [
      { counting: false, step: 'detached', stepSince: '2026-01-01T00:00:00.000Z' },
      false,
      /^not counted since 2026-01-01T00:00:00.000Z: the budget does not allow it$/,
    ],
  ];
  for (const [change, good, reason] of cases)
    test(`${JSON.stringify(change ?? 'nobody to ask')} is ${good ? 'ready' : 'not'}`, () => {
      const verdict = ready(change && { ...well, ...change });
      assert.equal(verdict.good, good);
      assert.match(verdict.reason, reason);
    });
});
