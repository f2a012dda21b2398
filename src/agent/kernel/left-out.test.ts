import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLeftOut } from './left-out.ts';

test('what a program stood in for is not left out, nor what that program itself was not let to', () => {
  const state = { first: 0n, standIn: 0n, others: 0n, stoodIn: 0 };
  const leftOut = openLeftOut({
    programs: () => [
      { name: 'tcp_state_changed', skipped: state.first },
      { name: 'tcp_state_changed_2', skipped: state.standIn },
      { name: 'tcp_retransmitted', skipped: state.others },
      { name: 'sweep' },
    ],
    stoodIn: () => state.stoodIn,
  });
  assert.equal(leftOut.count(), 0);
  Object.assign(state, { first: 7n, standIn: 2n, stoodIn: 6 });
  assert.equal(leftOut.count(), 1);
  state.stoodIn = 7; // it was about to
  assert.equal(leftOut.count(), 1);
  state.others = 4n;
  assert.equal(leftOut.count(), 4);
  state.others = 1n; // attached again
  assert.equal(leftOut.count(), 5);
});
