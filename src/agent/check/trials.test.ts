import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OperatorError } from '../../lib/errors.ts';
import { signalNames } from '../../model/signals.ts';
import { tryKernel, type Attempts, type Tried } from './trials.ts';

const works: Attempts = {
  makeSocketStorage: () => true,
  makeRing: () => true,
  withSweep: (act) => act(() => Promise.resolve()),
  attachSignals: () => Promise.resolve(new Map()),
};

const tried = (attempts: Partial<Attempts>): Promise<Tried> =>
  tryKernel({ ...works, ...attempts }, new AbortController().signal);

function results({ findings }: Tried): Record<string, string> {
  return Object.fromEntries(findings.map(({ probe, result }) => [probe, result]));
}

const outcomes = ({ trials }: Tried): string[] =>
  signalNames.map((name) => trials.get(name)?.outcome ?? 'none');
const all = (outcome: string): string[] => signalNames.map(() => outcome);
const no = (what: string) => new OperatorError('kernel.load_failed', { reason: what });

describe('a kernel', () => {
  test('that does everything', async () => {
    const all_ = await tried({});
    assert.deepEqual(results(all_), { socketStorage: 'ok', ring: 'ok', iterator: 'ok', batches: 'ok' });
    assert.deepEqual(outcomes(all_), all('taken'));
  });

  test('that refuses one signal', async () => {
    const one = await tried({
      attachSignals: () => Promise.resolve(new Map([['retransmits', 'no such hook']])),
    });
    assert.deepEqual(one.trials.get('retransmits'), { outcome: 'refused', reason: 'no such hook' });
    assert.equal(one.trials.get('lifecycle')?.outcome, 'taken');
  });

  test('that refuses what must always be on', async () => {
    const none = await tried({ attachSignals: () => Promise.reject(no('bad')) });
    assert.deepEqual(outcomes(none), all('refused'));
    const first = none.trials.get('lifecycle');
    assert.ok(first?.outcome === 'refused' && first.reason.includes('(bad)'));
  });

  test('without socket storage: signals are not tried, and it is named', async () => {
    const old = await tried({
      makeSocketStorage: () => false,
      withSweep: () => Promise.reject(no('sk_storage')),
    });
    assert.deepEqual(results(old), { socketStorage: 'missing', ring: 'ok', iterator: 'missing' });
    assert.deepEqual(old.trials.get('lifecycle'), {
      outcome: 'untried',
      missing: ['socketStorage', 'iterator'],
    });
  });

  test('whose maps cannot be read in batches', async () => {
    const old = await tried({
      withSweep: (act) => act(() => Promise.reject(new Error('read: Invalid argument'))),
    });
    assert.deepEqual(results(old), { socketStorage: 'ok', ring: 'ok', iterator: 'ok', batches: 'missing' });
    assert.equal(old.findings.at(-1)?.detail, 'read: Invalid argument');
  });
});

test('what the capabilities allow may be forbidden all the same', async () => {
  const denied = Object.assign(new Error('make a map: Operation not permitted'), { errno: 1 });
  const ran = await tried({
    makeRing() {
      throw denied;
    },
    withSweep: () => Promise.reject(new OperatorError('privileges.missing', { action: 'load BPF programs' })),
  });
  const [, ring, iterator] = ran.findings;
  for (const found of [ring, iterator]) {
    assert.equal(found?.result, 'missing');
    assert.match(found.whatToDo ?? '', /seccomp/);
  }
});

test('interrupted, it goes no further', async () => {
  const stopping = new AbortController();
  const attempts: Attempts = {
    ...works,
    makeRing() {
      stopping.abort();
      return true;
    },
    attachSignals: () => assert.fail('signals are attached no more'),
  };
  await assert.rejects(tryKernel(attempts, stopping.signal), { name: 'AbortError' });
});
