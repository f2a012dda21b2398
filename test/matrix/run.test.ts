import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOf } from './outcome.ts';
import { ranAny, type Row } from './run.ts';

const entry = { kernel: '6.1', lockdown: 'none', steps: ['suite'] } as const;
const outcome = outcomeOf({ kernel: '6.1.0', lockdown: 'none', output: '', end: 'it did not boot' });
const none: Row = { entry, outcomes: {} };
const down: Row = { entry, unavailable: 'the mirror does not answer', outcomes: {} };
const booted: Row = { entry, outcomes: { suite: outcome } };

test('a run in which not one kernel could be had proves nothing, and fails where all is to be proven', () => {
  const reason = 'not one kernel ran (6.1: the mirror does not answer; 6.1: the mirror does not answer)';
  assert.deepEqual(ranAny([down, down], true), { fails: true, reason });
  assert.deepEqual(ranAny([down, down], false), { fails: false, reason });
});

test('one that could be had is enough; none is missing that nobody asked for', () => {
  assert.deepEqual(ranAny([down, booted], true), { fails: false, reason: '' });
  const reason = 'not one kernel ran (6.1: not asked for)';
  assert.deepEqual(ranAny([none], true), { fails: false, reason });
});
