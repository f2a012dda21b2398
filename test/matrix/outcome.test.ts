import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GuestLine } from './in-guest.ts';
import { outcomeOf, type Observed } from './outcome.ts';

const file = 'test/a.test.ts';
const one = { name: 'one', file } as const;
const two = { name: 'two', file } as const;

function printed(...lines: readonly GuestLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

const start: GuestLine = { is: 'guest', lockdown: 'none' };
const passed: readonly GuestLine[] = [
  { is: 'begin', ...one },
  { is: 'passed', ...one },
];
const whole: Observed = {
  kernel: '6.1.0-57 (bookworm)',
  lockdown: 'none',
  output: printed(start, { is: 'begin', name: file, file }, ...passed, { is: 'left', name: file, file }),
  kernelLog: '[    1.0] all is well',
};

describe('what came of a boot', () => {
  test('is no problem when a test passed and nothing else happened', () => {
    const { passed: count, problem, failed } = outcomeOf(whole);
    assert.deepEqual({ count, problem, failed }, { count: 1, problem: '', failed: [] });
  });

  test('has what was skipped and said, with lines that are no JSON passed over', () => {
    const line: GuestLine = { is: 'skipped', ...two, reason: 'no nft here' };
    const sweeps = printed(line, { is: 'said', text: '5 sweeps' });
    const output = `${whole.output}node: warning\n${sweeps}{"is":"pa`;
    const { skipped, said, problem } = outcomeOf({ ...whole, output });
    assert.deepEqual(skipped, [{ name: 'two', reason: 'no nft here' }]);
    assert.deepEqual(said, ['5 sweeps']);
    assert.equal(problem, '');
  });

  test('names kernel, test and error, and ends with what the kernel said, when a test failed', () => {
    const failed: GuestLine = { is: 'failed', ...two, error: 'Error: 1 is not 2\n  at b.ts' };
    const outcome = outcomeOf({ ...whole, output: printed(start, ...passed, failed) });
    assert.deepEqual(outcome.failed, ['two']);
    assert.equal(
      outcome.problem,
      'On 6.1.0-57 (bookworm):\n\ntwo (test/a.test.ts)\n    Error: 1 is not 2\n      at b.ts\n\n' +
        'The end of what the kernel said:\n    [    1.0] all is well',
    );
  });

  test('names what was going on when the guest died, and repeats the end of the console', () => {
    const output = printed(start, { is: 'begin', name: file, file }, ...passed, { is: 'begin', ...two });
    const { kernelLog: _, ...dead } = whole;
    const outcome = outcomeOf({ ...dead, output, end: 'it did not end\nKernel panic' });
    assert.deepEqual(outcome.failed, [file, 'two']);
    assert.match(
      outcome.problem,
      /^On 6\.1[^]*it did not end\nKernel panic\n[^]*\n {2}two \(test\/a\.test\.ts\)$/,
    );
  });

  for (const line of [
    'WARNING: CPU: 0 PID: 7 at net/core/sock.c:1',
    'BUG: kernel NULL pointer dereference, address: 0000000000000088',
    'Oops: 0000 [#1] PREEMPT SMP',
    'general protection fault, probably for non-canonical address',
    'INFO: task node:12 blocked for more than 120 seconds.',
  ]) {
    test(`is a problem when the kernel says ${line}`, () => {
      const { problem } = outcomeOf({ ...whole, kernelLog: `[ 1.0] fine\n[ 2.0] ${line}\n[ 3.0] fine` });
      assert.match(problem, /the kernel found a fault in itself:\n\[ 2\.0\] /);
    });
  }

  test('is a problem when lockdown is another than was asked for', () => {
    const { problem } = outcomeOf({ ...whole, lockdown: 'confidentiality' });
    assert.match(problem, /lockdown is none there, not confidentiality/);
  });

  test('is a problem when no test ran', () => {
    assert.match(outcomeOf({ ...whole, output: printed(start) }).problem, /no test ran/);
  });
});
