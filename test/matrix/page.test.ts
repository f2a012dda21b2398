import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from './outcome.ts';
import { renderKernels, result, type Seen } from './page.ts';

const well: Outcome = { passed: 80, skipped: [], failed: [], said: ['9 connections, 5 sweeps'], problem: '' };
const entry = { kernel: '6.1', lockdown: 'none', steps: ['suite', 'stress'] } as const;
const kernel = { release: '6.1.0-57-cloud-amd64', version: '6.1.192-1', suite: 'bookworm-security' };
const whole: Seen = { entry, kernel, outcomes: { suite: well, stress: well } };

function row(seen: Seen): string {
  return (
    renderKernels([seen], '2027-01-31')
      .split('\n')
      .find((line) => line.includes('| 6.1') || line.includes('| 5.1')) ?? ''
  );
}

test('a kernel on which all went well is passed', () => {
  assert.equal(
    row(whole),
    '| 6.1.0-57-cloud-amd64 | 6.1.192-1 | bookworm-security | none | 80 passed, 0 skipped | ' +
      'exact: 9 connections, 5 sweeps | passed |',
  );
});

test('what could not be booted is skipped, and never passed', () => {
  const missing: Seen = { entry, unavailable: 'the mirror does not answer', outcomes: {} };
  assert.equal(result(missing), 'skipped');
  assert.equal(row(missing), '| 6.1 |  |  | none |  |  | skipped: the mirror does not answer |');
});

test('a step that did not run is not passed', () => {
  assert.equal(result({ entry, kernel, outcomes: { suite: well } }), 'not run');
});

test('a problem makes it failed, whatever the tests say, and is named', () => {
  const sick: Seen = { ...whole, outcomes: { suite: { ...well, problem: 'BUG: it fell' }, stress: well } };
  assert.equal(result(sick), 'failed');
  assert.match(renderKernels([sick], '2027-01-31'), /## Failed\n\n\* 6\.1\.0-57-cloud-amd64: the guest\n/);
  const dead: Seen = {
    ...whole,
    outcomes: { suite: well, stress: { ...well, failed: ['sums'], problem: 'x' } },
  };
  assert.match(row(dead), /\| failed \| failed \|$/);
  assert.match(renderKernels([dead], '2027-01-31'), /## Failed\n\n\* 6\.1\.0-57-cloud-amd64: sums\n/);
});

test('what was skipped inside is named with its reason', () => {
  const poor: Seen = {
    ...whole,
    outcomes: { suite: { ...well, skipped: [{ name: 'a', reason: 'no nft' }] }, stress: well },
  };
  assert.match(
    renderKernels([poor], '2027-01-31'),
    /Skipped in a kernel that ran\n\n\* 6\.1\.0-57-cloud-amd64: a \(no nft\)\n/,
  );
});

test('a kernel that is too old is passed when it was refused', () => {
  const old = { kernel: '5.10', lockdown: 'none', steps: ['refusal'] } as const;
  const refused: Seen = {
    entry: old,
    kernel: { ...kernel, release: '5.10.0-46' },
    outcomes: { refusal: well },
  };
  assert.match(row(refused), /\| refused, as it must be \| {2}\| passed \|$/);
  const taken: Seen = { ...refused, outcomes: { refusal: { ...well, failed: ['a'], problem: 'x' } } };
  assert.match(row(taken), /\| not refused as it must be \| {2}\| failed \|$/);
});
