import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withTree } from '../../../test/node-tree.ts';
import type { NodeFiles } from './files.ts';
import { initialNamespaces } from './machine-probes.ts';
import * as probes from './privilege-probes.ts';
import type { Finding } from './report.ts';

function told({ result, detail }: Finding): string {
  return `${result}: ${detail}`;
}

const bits = { netAdmin: 12, sysPtrace: 19, sysAdmin: 21, perfmon: 38, bpf: 39 };

function capabilities(...without: (keyof typeof bits)[]): Finding {
  const lacking = without.reduce((mask, name) => mask | (1n << BigInt(bits[name])), 0n);
  const mask = (0x1ff_ffff_ffffn & ~lacking).toString(16).padStart(16, '0');
  return withTree(
    { texts: { '/proc/self/status': `CapEff:\t${mask}\nSeccomp:\t0\n` } },
    probes.probeCapabilities,
  );
}

describe('capabilities', () => {
  test('all', () => assert.equal(told(capabilities()), 'ok: all that are needed'));

  test('what CAP_SYS_ADMIN stands for', () =>
    assert.equal(
      told(capabilities('bpf', 'perfmon')),
      'ok: all, CAP_SYS_ADMIN stands for CAP_BPF, CAP_PERFMON',
    ));

  test('nothing stands for it then', () => {
    const finding = capabilities('bpf', 'sysAdmin');
    assert.equal(told(finding), 'missing: nothing loads without CAP_BPF, CAP_SYS_ADMIN');
    assert.equal(finding.whatToDo, 'run it as root, or grant CAP_BPF, CAP_SYS_ADMIN');
  });

  test('nor for CAP_NET_ADMIN', () =>
    assert.equal(told(capabilities('netAdmin')), 'missing: nothing loads without CAP_NET_ADMIN'));

  for (const name of ['sysAdmin', 'sysPtrace'] as const) {
    test(`programs load without ${name}; something is told less of`, () => {
      const { result, lessens } = capabilities(name);
      assert.equal(result, 'degraded');
      assert.ok(lessens?.signals.includes('lifecycle'));
    });
  }
});

test('a user namespace', () => {
  const look = (namespace: string) =>
    withTree({ links: { '/proc/self/ns/user': namespace } }, (files) => probes.probeUser(files, 0));
  assert.equal(told(look(initialNamespaces.user)), 'ok: root');
  assert.match(told(look('user:[4026532299]')), /^missing: root of a user namespace/);
});

test('a pid namespace', () => {
  const look = (namespace: string) =>
    withTree({ links: { '/proc/self/ns/pid': namespace } }, probes.probePidNamespace);
  assert.equal(told(look(initialNamespaces.pid)), "ok: the host's");
  const other = look('pid:[4026532299]');
  assert.equal(other.result, 'degraded');
  assert.deepEqual(other.lessens?.fields, ['process.name']);
});

test('files of one line', () => {
  const cases: readonly (readonly [probe: (files: NodeFiles) => Finding, text: string, says: string])[] = [
    [probes.probeSystemCalls, 'Seccomp:\t2\n', 'note: filtered (seccomp): bpf(2) must be let through'],
    [probes.probeSystemCalls, 'Seccomp:\t0\n', 'ok: not filtered'],
    [probes.probeUnprivileged, '0\n', 'note: every user may load programs'],
    [probes.probeUnprivileged, '1\n', 'ok: off until the next boot'],
    [probes.probeUnprivileged, '2\n', 'ok: off'],
    [
      probes.probeMemlock,
      'Max locked memory         65536                65536                bytes\n',
      'ok: 65.5 kB; no matter, maps are charged to the control group on all kernels that run Sonde',
    ],
  ];
  for (const [probe, text, says] of cases) {
    const paths = ['/proc/self/status', '/proc/sys/kernel/unprivileged_bpf_disabled', '/proc/self/limits'];
    const texts = Object.fromEntries(paths.map((path) => [path, text]));
    assert.equal(told(withTree({ texts }, probe)), says);
  }
});
