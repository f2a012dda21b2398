import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPrograms, leavesOut, programsOf, standsIn } from './signals.ts';

test('programs that stand in are there from 7.0 on, behind what they stand in for', () => {
  const releases = ['6.1.0-57-cloud-amd64', '6.18.44', '7.0.0-rc1', '7.3.4+deb13-cloud-amd64', '10.1'];
  assert.deepEqual(releases.map(leavesOut), [false, false, true, true, true]);
  const [without, withThem] = [programsOf('lifecycle', false), programsOf('lifecycle', true)];
  assert.deepEqual(
    withThem.filter((program) => !standsIn(program)),
    without,
  );
  assert.equal(withThem[withThem.indexOf('tcp_state_changed') + 1], 'tcp_state_changed_2');
  assert.ok(without.every((program) => !standsIn(program)));
  assert.equal(new Set(allPrograms).size, allPrograms.length);
});
