/** What this process may do. */

import { heldBy, others, standIns, sysAdmin, type Capability } from '../../lib/capabilities.ts';
import { signalNames } from '../../model/signals.ts';
import { formatBytes } from '../../lib/units.ts';
import type { NodeFiles, Read } from './files.ts';
import { initialNamespaces } from './machine-probes.ts';
import { finding, type Finding } from './report.ts';

function known(read: Read): string {
  return 'text' in read ? read.text : '';
}

export function probeUser(files: NodeFiles, userId: number): Finding {
  const who = userId === 0 ? 'root' : `user ${String(userId)}`;
  const namespace = known(files.link('/proc/self/ns/user'));
  if (namespace === initialNamespaces.user) return finding('user', { result: 'ok', detail: who });
  const detail = `${who} of a user namespace, which is nobody to BPF`;
  return finding('user', { result: 'missing', detail });
}

function withoutCapabilities(lacking: readonly Capability[]): Finding {
  const names = lacking.map(({ name }) => name).join(', ');
  const whatToDo = `run it as root, or grant ${names}`;
  if (lacking.some(({ without }) => without === undefined))
    return finding('capabilities', { result: 'missing', detail: `nothing loads without ${names}`, whatToDo });
  const detail = lacking
    .map(({ name, without = 'nothing is loaded' }) => `without ${name} ${without}`)
    .join('; ');
  return finding('capabilities', { result: 'degraded', detail, whatToDo, lessens: { signals: signalNames } });
}

export function probeCapabilities(files: NodeFiles): Finding {
  const status = known(files.text('/proc/self/status'));
  if (!/^CapEff:/m.test(status))
    return finding('capabilities', { result: 'unknown', detail: 'no CapEff in /proc/self/status' });
  const { effective } = heldBy(status).sets;
  const lacks = ({ bit }: Capability): boolean => ((effective >> BigInt(bit)) & 1n) === 0n;
  const stands = !lacks(sysAdmin);
  const lacking = [
    ...standIns.filter((each) => !stands && lacks(each)),
    ...[...others, sysAdmin].filter(lacks),
  ];
  if (lacking.length > 0) return withoutCapabilities(lacking);
  const replaced = standIns.filter(lacks).map(({ name }) => name);
  const detail =
    replaced.length > 0 ? `all, CAP_SYS_ADMIN stands for ${replaced.join(', ')}` : 'all that are needed';
  return finding('capabilities', { result: 'ok', detail });
}

export function probeSystemCalls(files: NodeFiles): Finding {
  const mode = /^Seccomp:\s*(\d)$/m.exec(known(files.text('/proc/self/status')))?.[1];
  if (mode === undefined || mode === '0')
    return finding('systemCalls', { result: 'ok', detail: 'not filtered' });
  return finding('systemCalls', { result: 'note', detail: 'filtered (seccomp): bpf(2) must be let through' });
}

export function probePidNamespace(files: NodeFiles): Finding {
  const own = known(files.link('/proc/self/ns/pid'));
  if (own === initialNamespaces.pid) return finding('pidNamespace', { result: 'ok', detail: "the host's" });
  return finding('pidNamespace', {
    result: 'degraded',
    detail: "not the host's: connections older than the agent, and accepted ones, may lack their owner",
    lessens: { signals: signalNames, fields: ['process.name'] },
  });
}

export function probeMemlock(files: NodeFiles): Finding {
  const limits = known(files.text('/proc/self/limits'));
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1];
  if (soft === undefined)
    return finding('memlock', { result: 'unknown', detail: 'no such line in /proc/self/limits' });
  const size = soft === 'unlimited' ? soft : formatBytes(Number(soft));
  return finding('memlock', {
    result: 'ok',
    detail: `${size}; no matter, maps are charged to the control group on all kernels that run Sonde`,
  });
}

export function probeUnprivileged(files: NodeFiles): Finding {
  const path = '/proc/sys/kernel/unprivileged_bpf_disabled';
  const read = files.text(path);
  if ('why' in read)
    return finding('unprivileged', { result: 'unknown', detail: `${path} cannot be read (${read.why})` });
  if (read.text === '0')
    return finding('unprivileged', { result: 'note', detail: 'every user may load programs' });
  const how = read.text === '1' ? 'off until the next boot' : 'off';
  return finding('unprivileged', { result: 'ok', detail: how });
}
