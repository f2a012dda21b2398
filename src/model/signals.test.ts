import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNames, wantedSignals, type SignalName, type SignalWishes } from './signals.ts';

const needed: ReadonlySet<SignalName> = new Set(['lifecycle', 'retransmits', 'udp']);
const wanted = (wishes: Partial<SignalWishes>) =>
  wantedSignals({ profile: 'failures', signals: {}, ...wishes }, needed);

test('what questions need, as far as the profile goes', () => {
  assert.deepEqual(wanted({}), ['lifecycle', 'retransmits']);
  assert.deepEqual(wanted({ profile: 'full', questions: ['some'] }), ['lifecycle', 'retransmits', 'udp']);
});

test('all in profile full, where no questions are named', () => {
  assert.deepEqual(wanted({ profile: 'full' }), signalNames);
});

test('the configuration has the last word, but for what must be on', () => {
  const signals = { lifecycle: 'off', retransmits: 'off', dns: 'on' } as const;
  assert.deepEqual(wanted({ signals }), ['lifecycle', 'dns']);
});
