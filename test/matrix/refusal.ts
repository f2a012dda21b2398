/**
 * Runs in a guest whose kernel is too old: what somebody is told who tries there all the same. On no other
 * kernel, so it is not named as a test file.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Report } from '../../src/agent/check/report.ts';

interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function sonde(...args: string[]): Said {
  return spawnSync('bin/sonde', args, { encoding: 'utf8', timeout: 60_000 });
}

/** By name what is missing, and since when kernels have it; not what a library or the verifier call it. */
const why = /it has no atomic exchange in BPF programs, which came with 5\.12/;

test('the agent ends at once, with one line that says why and what to do', () => {
  const { status, stdout, stderr } = sonde('agent');
  assert.equal(status, 5, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^sonde: this kernel refused the programs \([^\n]*\); boot 5\.15 or later[^\n]*\n$/);
  assert.match(stderr, why);
});

test('sonde check says the same, and that no question can be answered', () => {
  const { status, stdout } = sonde('check', '--json');
  const { verdict, summary, questions } = JSON.parse(stdout) as Report;
  assert.equal(status, 2, stdout);
  assert.equal(verdict, 'none');
  assert.match(summary, why);
  assert.deepEqual([...new Set(questions.map(({ result }) => result))], ['not']);
});
