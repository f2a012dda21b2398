import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVerdict, refusalIn } from './refusal.ts';

test('the verifier has the last word', () => {
  const log = `libbpf: prog 'tcp_state_changed': BPF program load failed: Invalid argument
libbpf: prog 'tcp_state_changed': -- BEGIN PROG LOAD LOG --
0: R1=ctx(off=0,imm=0) R10=fp0
BPF_STX uses reserved fields
processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: prog 'tcp_state_changed': failed to load: -22
libbpf: failed to load object 'sonde.bpf.o'
`;
  assert.equal(
    refusalIn(log),
    'tcp_state_changed: BPF_STX uses reserved fields: ' +
      'it has no atomic exchange in BPF programs, which came with 5.12',
  );
});

test('a log that was cut at its beginning', () => {
  const log = `3: (85) call unknown#107
unknown func bpf_sk_storage_get#107
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
libbpf: failed to load object 'sonde.bpf.o'`;
  assert.equal(
    refusalIn(log),
    'unknown func bpf_sk_storage_get#107: it has no socket storage in tracing programs, which came with 5.11',
  );
});

test('without the verifier, what libbpf said first', () => {
  const log = `libbpf: elf: skipping unrecognized data section(8) .rodata.str1.1
libbpf: prog 'tcp_synack_retransmitted': failed to find kernel BTF type ID of 'nothing': -3
libbpf: prog 'tcp_synack_retransmitted': failed to prepare load attributes: -3
libbpf: failed to load object 'sonde.bpf.o'
`;
  assert.equal(refusalIn(log), "tcp_synack_retransmitted: failed to find kernel BTF type ID of 'nothing'");
  assert.equal(refusalIn("libbpf: map 'flows': failed to create"), "map 'flows': failed to create");
});

test('nothing said', () => {
  assert.equal(refusalIn(undefined), undefined);
  assert.equal(refusalIn(''), undefined);
});

test("the verifier's word is one whatever its errno", () => {
  const log = `libbpf: prog 'udp_sweep': BPF program load failed: Permission denied
combined stack size of 5 calls is 544. Too large
processed 8655 insns (limit 1000000) max_states_per_insn 12 total_states 579 peak_states 534 mark_read 13`;
  assert.equal(isVerdict(log), true);
  assert.equal(isVerdict("libbpf: prog 'sweep': BPF program load failed: Operation not permitted"), false);
  assert.equal(isVerdict(undefined), false);
});
