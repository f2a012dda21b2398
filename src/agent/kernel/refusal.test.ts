import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalReason } from './refusal.ts';

/** As the addon has it on 5.10. */
const tooOld = `libbpf: prog 'tcp_state_changed': BPF program load failed: Invalid argument
libbpf: prog 'tcp_state_changed': -- BEGIN PROG LOAD LOG --
BPF_STX uses reserved fields
processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: prog 'tcp_state_changed': failed to load: -22
libbpf: failed to load object '/sonde/build/bpf/sonde.bpf.o'
`;

test('what the verifier has against a program is told, and what it means', () => {
  assert.equal(
    refusalReason(tooOld),
    'tcp_state_changed: BPF_STX uses reserved fields: it has no atomic exchange in BPF programs, which came with 5.12',
  );
});

test('what has no known meaning is told as it is', () => {
  assert.equal(
    refusalReason(tooOld.replace('BPF_STX uses reserved fields', '0: (85) call foo#1\nR1 invalid\n')),
    'tcp_state_changed: R1 invalid',
  );
});

test('a log whose begin was cut off still ends with the verdict', () => {
  assert.equal(
    refusalReason(tooOld.slice(tooOld.indexOf('STX'))),
    'tcp_state_changed: STX uses reserved fields',
  );
});

test('where the verifier was not asked, the library’s last line is told', () => {
  assert.equal(refusalReason('libbpf: map one\nlibbpf: map two\n'), 'map two');
  assert.equal(refusalReason(undefined), undefined);
});
