/** What the kernel's own files say of it. */

import type { NodeFiles, Read } from './files.ts';
import { finding, type Finding } from './report.ts';

const btfPath = '/sys/kernel/btf/vmlinux';

function known(read: Read): string | undefined {
  return 'text' in read ? read.text : undefined;
}

/** The end of a sentence about a file. */
function unreadable(path: string, why: string): string {
  if (why === 'ENOENT' && path.startsWith('/proc/sys/net/'))
    return `${path} is not in this network namespace, or not in this kernel`;
  if (why === 'EACCES' || why === 'EPERM') return `${path} is not for this user to read (${why})`;
  return `${path} cannot be read (${why})`;
}

export function probeRelease(files: NodeFiles, machine: string): Finding {
  const read = files.text('/proc/sys/kernel/osrelease');
  if ('why' in read)
    return finding('release', {
      result: 'unknown',
      detail: unreadable('/proc/sys/kernel/osrelease', read.why),
    });
  return finding('release', { result: 'ok', detail: `${read.text} on ${machine}` });
}

export function probeBtf(files: NodeFiles): Finding {
  if (files.has(btfPath)) return finding('btf', { result: 'ok', detail: btfPath });
  return finding('btf', { result: 'missing', detail: `${btfPath} is not there` });
}

const hardening: Readonly<Record<string, string>> = {
  '0': 'not hardened',
  '1': 'hardened for plain users only',
  '2': 'hardened for root too: programs cost more',
};

export function probeJit(files: NodeFiles): Finding {
  const path = '/proc/sys/net/core/bpf_jit_enable';
  const on = files.text(path);
  if ('why' in on) return finding('jit', { result: 'unknown', detail: unreadable(path, on.why) });
  if (on.text === '0')
    return finding('jit', {
      result: 'degraded',
      detail: 'off: programs are interpreted, and cost many times more',
    });
  const harden = files.text('/proc/sys/net/core/bpf_jit_harden');
  const how =
    'text' in harden
      ? (hardening[harden.text] ?? `hardening ${harden.text}`)
      : 'hardening is for root to read';
  return finding('jit', { result: known(harden) === '2' ? 'degraded' : 'ok', detail: `on, ${how}` });
}

/** Text of a file of securityfs, or what stands in for it. */
function security(files: NodeFiles, name: string): { readonly text: string } | { readonly absent: string } {
  const path = `/sys/kernel/security/${name}`;
  const read = files.text(path);
  if ('text' in read) return read;
  const fileSystems = known(files.text('/proc/filesystems')) ?? '';
  if (!fileSystems.includes('securityfs')) return { absent: 'none' };
  const mounted = known(files.text('/proc/self/mountinfo'))?.includes(' - securityfs ') ?? false;
  if (mounted && read.why === 'ENOENT') return { absent: 'none' };
  return {
    absent: mounted ? unreadable(path, read.why) : 'securityfs is not mounted on /sys/kernel/security',
  };
}

export function probeLockdown(files: NodeFiles): Finding {
  const read = security(files, 'lockdown');
  if ('absent' in read) {
    const result = read.absent === 'none' ? 'ok' : 'unknown';
    const detail = read.absent === 'none' ? 'not in this kernel' : `${read.absent}; any mode is fine`;
    return finding('lockdown', { result, detail });
  }
  const mode = /\[(\w+)\]/.exec(read.text)?.[1] ?? read.text;
  return finding('lockdown', { result: 'ok', detail: `${mode}; any mode is fine` });
}

/** Those that may refuse what the capabilities allow. */
const refusing = ['selinux', 'apparmor', 'smack', 'tomoyo'];

export function probeSecurityModules(files: NodeFiles): Finding {
  const read = security(files, 'lsm');
  if ('absent' in read) {
    const result = read.absent === 'none' ? 'ok' : 'unknown';
    return finding('lsms', { result, detail: read.absent });
  }
  const active = read.text.split(',');
  const label = known(files.text('/proc/self/attr/current'));
  const names = active.join(', ');
  const strict = active.filter((name) => refusing.includes(name));
  if (strict.length === 0) return finding('lsms', { result: 'ok', detail: names });
  const confined = label === undefined || label === '' ? '' : `; this process is ${label}`;
  return finding('lsms', { result: label === 'unconfined' ? 'ok' : 'note', detail: names + confined });
}

export function probeStatistics(files: NodeFiles): Finding {
  const path = '/proc/sys/kernel/bpf_stats_enabled';
  const read = files.text(path);
  if ('why' in read) return finding('statistics', { result: 'unknown', detail: unreadable(path, read.why) });
  if (read.text === '0') return finding('statistics', { result: 'ok', detail: 'off' });
  return finding('statistics', { result: 'note', detail: 'on: every run of every BPF program is timed' });
}

export function probeSocketlessResets(tracesAll: boolean): Finding {
  if (tracesAll)
    return finding('socketlessResets', { result: 'ok', detail: 'also without a socket, and why' });
  return finding('socketlessResets', {
    result: 'degraded',
    detail:
      'those that belong to no socket are not traced, OutRsts cannot be compared, and no reasons are told',
    lessens: { signals: ['lifecycle'], fields: ['resets.sent', 'resets.reasons'] },
  });
}

export function probeAcceptQueue(castsPointers: boolean): Finding {
  if (castsPointers) return finding('acceptQueue', { result: 'ok', detail: 'readable' });
  return finding('acceptQueue', {
    result: 'degraded',
    detail: 'how long connections wait for accept() is not seen',
    lessens: { signals: ['lifecycle'], fields: ['listener.waiting_ms'] },
  });
}
