/**
 * The scenario table and the exactness test on other kernels, booted under qemu: tracepoint arguments, socket
 * internals and the verifier differ there.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInGuest } from './guest/guest.ts';
import type { GuestFile } from './guest/project.ts';

const kernels = ['6.1', '6.12'] as const;

/** All that an agent and the lab need; nothing of it is built in the guest. */
const files: readonly GuestFile[] = [
  'bin',
  'src',
  'lab',
  'test/rig.ts',
  'test/truth.ts',
  'test/scenarios.root.test.ts',
  'test/exact.root.test.ts',
  'build/sonde.node',
  'build/bpf/sonde.bpf.o',
  'build/lab',
  'node_modules/zod',
  'node_modules/yaml',
];

/** JavaScript is 10 to 20 times slower there. */
const env = {
  SONDE_SCENARIOS_PARALLEL: '4',
  SONDE_PATIENCE_MS: '30000',
  SONDE_EXACT_CONNECTIONS: '3000',
};

function summary(output: string, name: string): number {
  return Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? Number.NaN);
}

describe('on other kernels', { concurrency: kernels.length }, () => {
  for (const kernel of kernels) {
    test(`the scenario table and the exact sums hold on ${kernel}`, { timeout: 600_000 }, async (t) => {
      const tests = ['test/scenarios.root.test.ts', 'test/exact.root.test.ts'];
      const command = ['node', '--test', '--test-concurrency=1', ...tests];
      const { exitCode, output, release } = await runInGuest({
        kernel,
        files,
        command,
        env,
        timeoutMs: 540_000,
      });
      const told = (name: string): string => String(summary(output, name));
      t.diagnostic(`${release}: ${told('pass')} passed, ${told('skipped')} skipped`);
      assert.equal(exitCode, 0, output.slice(output.indexOf('failing tests')));
      assert.ok(summary(output, 'pass') > 60, 'the table is there');
      assert.equal(summary(output, 'fail'), 0);
    });
  }
});
