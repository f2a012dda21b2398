/** What the machine has: processors, memory, control groups, a place for pins. */

import { formatBytes } from '../../lib/units.ts';
import type { SignalName } from '../../model/signals.ts';
import type { NodeFiles, Read } from './files.ts';
import { finding, type Finding } from './report.ts';

/** Inode numbers of the initial namespaces, the same on every Linux (include/linux/proc_ns.h). */
export const initialNamespaces = {
  user: 'user:[4026531837]',
  cgroup: 'cgroup:[4026531835]',
  pid: 'pid:[4026531836]',
} as const;

function known(read: Read): string {
  return 'text' in read ? read.text : '';
}

/** How many a list such as `0-3,6` names. */
export function countOf(list: string): number {
  return list
    .split(',')
    .filter((part) => /^\d+(-\d+)?$/.test(part))
    .reduce((sum, part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return sum + last - first + 1;
    }, 0);
}

export function probeCpus(files: NodeFiles): Finding {
  const folder = '/sys/devices/system/cpu';
  const online = files.text(`${folder}/online`);
  if ('why' in online)
    return finding('cpus', { result: 'unknown', detail: `${folder}/online cannot be read (${online.why})` });
  const possible = countOf(known(files.text(`${folder}/possible`)));
  const count = countOf(online.text);
  const more = possible > count ? `, of ${String(possible)} possible ones` : '';
  return finding('cpus', { result: 'ok', detail: `${String(count)} online${more}` });
}

export interface SizedMap {
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly entries: number;
}

const align = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Of a hash element: links, hash and reference (struct htab_elem), and what the allocator rounds up. */
const elementOverhead = 48;
const bucketBytes = 16;

/**
 * What a map takes when it is full, to a few percent; what it needs per socket is not in it. `cpus`: the
 * possible ones.
 */
export function mapBytes({ type, keySize, valueSize, entries }: SizedMap, cpus: number): number {
  if (type === 'ringbuf') return entries;
  const value = align(valueSize) * (type.includes('percpu') ? cpus : 1);
  if (!type.includes('hash')) return value * entries;
  return (
    entries * (elementOverhead + align(keySize) + value) + bucketBytes * 2 ** Math.ceil(Math.log2(entries))
  );
}

export function mapsBytes(maps: readonly SizedMap[], files: NodeFiles): number {
  const cpus = countOf(known(files.text('/sys/devices/system/cpu/possible'))) || 1;
  return maps.reduce((sum, map) => sum + mapBytes(map, cpus), 0);
}

/** The least that a control group above this process still has, of the second version; undefined: no limit. */
function leftInCgroup(files: NodeFiles): number | undefined {
  const own = /^0::(\/.*)$/m.exec(known(files.text('/proc/self/cgroup')))?.[1];
  const root = cgroupMounts(known(files.text('/proc/self/mountinfo'))).v2?.path;
  if (own === undefined || root === undefined) return undefined;
  const left: number[] = [];
  for (let path = own; path.length > 1; path = path.slice(0, path.lastIndexOf('/'))) {
    const [max, current] = ['memory.max', 'memory.current'].map((name) =>
      Number(known(files.text(`${root}${path}/${name}`)) || Number.NaN),
    ) as [number, number];
    if (Number.isFinite(max) && Number.isFinite(current)) left.push(max - current);
  }
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}

export function probeMemory(files: NodeFiles, needed: number | undefined): Finding {
  const kib = /^MemAvailable:\s*(\d+) kB$/m.exec(known(files.text('/proc/meminfo')))?.[1];
  if (kib === undefined)
    return finding('memory', { result: 'unknown', detail: 'no MemAvailable in /proc/meminfo' });
  const free = Number(kib) * 1024;
  const allowed = leftInCgroup(files);
  const available = Math.min(free, allowed ?? free);
  const where = allowed !== undefined && allowed < free ? ' in this control group' : '';
  const left = `${formatBytes(available)} available${where}`;
  if (needed === undefined) return finding('memory', { result: 'ok', detail: left });
  const detail = `${left}, the maps take ${formatBytes(needed)} at most`;
  return finding('memory', { result: available < needed ? 'degraded' : 'ok', detail });
}

interface CgroupMounts {
  /** The first mount of the hierarchy's root, or of a part of it where that is all there is. */
  readonly v2: { readonly path: string; readonly isRoot: boolean } | undefined;
  readonly v1: boolean;
}

export function cgroupMounts(mountinfo: string): CgroupMounts {
  const mounts = mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .map((of) => ({ type: of[of.indexOf('-') + 1], root: of[3] ?? '', path: of[4] ?? '' }));
  const second = mounts.filter(({ type }) => type === 'cgroup2');
  const best = second.find(({ root }) => root === '/') ?? second[0];
  return {
    v2: best && { path: best.path, isRoot: best.root === '/' },
    v1: mounts.some(({ type }) => type === 'cgroup'),
  };
}

/** `needing`: the signals that attach to the root of the control groups. */
export function probeCgroups(files: NodeFiles, needing: readonly SignalName[]): Finding {
  const { v2, v1 } = cgroupMounts(known(files.text('/proc/self/mountinfo')));
  const worse = needing.length > 0 ? 'degraded' : 'note';
  const lessens = needing.length > 0 ? { lessens: { signals: needing } } : {};
  if (!v2) {
    const detail = `none of the second version is mounted${v1 ? ', only the first' : ''}`;
    return finding('cgroups', { result: worse, detail, ...lessens });
  }
  const kind = v1 ? 'hybrid' : 'pure';
  if (!v2.isRoot)
    return finding('cgroups', {
      result: worse,
      detail: `${kind}, only a part is mounted on ${v2.path}`,
      ...lessens,
    });
  if (known(files.link('/proc/self/ns/cgroup')) !== initialNamespaces.cgroup) {
    const detail = `${kind}, on ${v2.path}, which is not the host's root but this container's`;
    return finding('cgroups', { result: worse, detail, ...lessens });
  }
  return finding('cgroups', { result: 'ok', detail: `${kind}, the second version is on ${v2.path}` });
}

export function probeBpffs(files: NodeFiles, path: string): Finding {
  const mounts = known(files.text('/proc/self/mountinfo')).split('\n');
  const mounted = mounts.some((line) => line.split(' ')[4] === path && line.includes(' - bpf '));
  if (mounted) return finding('bpffs', { result: 'ok', detail: path });
  return finding('bpffs', { result: 'note', detail: `not mounted on ${path}` });
}
