import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withTree, type NodeTree } from '../../../test/node-tree.ts';
import * as probes from './kernel-probes.ts';
import type { NodeFiles } from './files.ts';
import type { Finding } from './report.ts';

/** Result and detail of a probe on a made-up node. */
function told(probe: (files: NodeFiles) => Finding, texts: NodeTree['texts'] = {}): string {
  const { result, detail } = withTree({ texts }, probe);
  return `${result}: ${detail}`;
}

const jit = (enable: string, harden: string) => ({
  '/proc/sys/net/core/bpf_jit_enable': `${enable}\n`,
  '/proc/sys/net/core/bpf_jit_harden': `${harden}\n`,
});

describe('the JIT compiler', () => {
  for (const [name, texts, expected] of [
    ['on', jit('1', '0'), 'ok: on, not hardened'],
    ['on, for plain users hardened', jit('1', '1'), 'ok: on, hardened for plain users only'],
    ['on and hardened', jit('1', '2'), 'degraded: on, hardened for root too: programs cost more'],
    ['off', jit('0', '0'), 'degraded: off: programs are interpreted, and cost many times more'],
    [
      'out of sight',
      {},
      'unknown: /proc/sys/net/core/bpf_jit_enable is not in this network namespace, or not in this kernel',
    ],
  ] as const)
    test(name, () => assert.equal(told(probes.probeJit, texts), expected));

  test('off has a remedy, on has none', () => {
    assert.match(withTree({ texts: jit('0', '0') }, probes.probeJit).whatToDo ?? '', /bpf_jit_enable=1/);
    assert.equal(withTree({ texts: jit('1', '0') }, probes.probeJit).whatToDo, undefined);
  });
});

const mounted = {
  '/proc/filesystems': 'nodev\tsecurityfs\n',
  '/proc/self/mountinfo': '9 1 0:7 / /sys/kernel/security rw - securityfs none rw\n',
};

describe('lockdown', () => {
  test('its mode', () => {
    const texts = { ...mounted, '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' };
    assert.equal(told(probes.probeLockdown, texts), 'ok: confidentiality; any mode is fine');
  });

  test('a kernel without it', () =>
    assert.equal(told(probes.probeLockdown, mounted), 'ok: not in this kernel'));

  test('not mounted is not the same as not there', () => {
    const texts = { '/proc/filesystems': 'nodev\tsecurityfs\n', '/proc/self/mountinfo': '' };
    assert.equal(
      told(probes.probeLockdown, texts),
      'unknown: securityfs is not mounted on /sys/kernel/security; any mode is fine',
    );
  });
});

describe('security modules', () => {
  const with_ = (lsm: string, label?: string) => ({
    ...mounted,
    '/sys/kernel/security/lsm': lsm,
    ...(label === undefined ? {} : { '/proc/self/attr/current': label }),
  });

  for (const [name, texts, expected] of [
    ['that refuse nothing of ours', with_('lockdown,capability,bpf'), 'ok: lockdown, capability, bpf'],
    ['AppArmor, unconfined', with_('apparmor', 'unconfined\n'), 'ok: apparmor; this process is unconfined'],
    [
      'AppArmor, confined',
      with_('apparmor', 'docker-default (enforce)\n'),
      'note: apparmor; this process is docker-default (enforce)',
    ],
    ['none', { '/proc/filesystems': 'nodev\tproc\n' }, 'ok: none'],
  ] as const)
    test(name, () => assert.equal(told(probes.probeSecurityModules, texts), expected));
});

test('run statistics', () => {
  const path = '/proc/sys/kernel/bpf_stats_enabled';
  assert.equal(told(probes.probeStatistics, { [path]: '0\n' }), 'ok: off');
  assert.match(told(probes.probeStatistics, { [path]: '1\n' }), /^note: on/);
  assert.equal(told(probes.probeStatistics), `unknown: ${path} cannot be read (ENOENT)`);
});

test('kernel types', () => {
  assert.match(told(probes.probeBtf, { '/sys/kernel/btf/vmlinux': '' }), /^ok/);
  assert.equal(told(probes.probeBtf), 'missing: /sys/kernel/btf/vmlinux is not there');
});

test('resets without a socket that are not traced lessen two fields', () => {
  const { result, lessens } = probes.probeSocketlessResets(false);
  const fields = ['resets.sent', 'resets.reasons'];
  assert.deepEqual([result, lessens], ['degraded', { signals: ['lifecycle'], fields }]);
  assert.equal(probes.probeSocketlessResets(true).result, 'ok');
});

test('accept queues that cannot be read lessen one field', () => {
  const { result, lessens } = probes.probeAcceptQueue(false);
  const fields = ['listener.waiting_ms'];
  assert.deepEqual([result, lessens], ['degraded', { signals: ['lifecycle'], fields }]);
  assert.equal(probes.probeAcceptQueue(true).result, 'ok');
});
