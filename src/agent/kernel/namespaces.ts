/**
 * Network namespaces: finding them, and reading the kernel's counters inside.
 *
 * Owns, per namespace, the reading that everything is measured from. A namespace that exists when counting
 * starts is read then; one that is met later is new, and starts at zero like Sonde's own count.
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import {
  inboundCounters,
  type Counters,
  type InboundCounts,
  type KernelCounters,
  type NamespaceObservation,
  type NetnsCounts,
  type Reading,
} from '../../model/observation.ts';
import type { Native } from './native.ts';
import type { NumberTable } from './numbers.ts';

const files = ['/proc/thread-self/net/snmp', '/proc/thread-self/net/netstat'] as const;

/** Readings until Sonde's counts stand still around one; then the last is taken as it is. */
const readingsMax = 5;

export interface NamespaceSource {
  readonly native: Pick<Native, 'netns'>;
  readonly numbers: Pick<NumberTable, 'known' | 'lacking' | 'mend' | 'retire'>;
  read(id: number): NetnsCounts | undefined;
  parse(snmp: string, netstat: string): KernelCounters;
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such folder on this machine
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return path.startsWith('/proc/') ? Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]) : statSync(path).ino;
  } catch {
    return undefined; // the process or the mount has gone
  }
}

/** Bind mounts keep a namespace alive without a process, wherever they are (ip netns, container engines). */
function mountedNamespaces(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  return mounts.filter(([, , , root]) => root?.startsWith('net:[')).map((fields) => fields[4] ?? '');
}

/** A path to every network namespace that has a process or a mount, by inode. */
export function findNamespaces(): Map<number, string> {
  const processes = entries('/proc').filter((name) => /^\d+$/.test(name));
  const paths = [...processes.map((pid) => `/proc/${pid}/ns/net`), ...mountedNamespaces()];
  const found = new Map<number, string>();
  for (const path of paths) {
    const inode = inodeOf(path);
    if (inode !== undefined && !found.has(inode)) found.set(inode, path);
  }
  return found;
}

const zero: Counters = {
  activeOpens: 0,
  passiveOpens: 0,
  attemptFails: 0,
  estabResets: 0,
  retransSegs: 0,
  outRsts: 0,
};

const noInbound = Object.fromEntries(inboundCounters.map((name) => [name, 0])) as InboundCounts;

function equal(a: Counters, b: Counters): boolean {
  return (Object.keys(a) as (keyof Counters)[]).every((name) => a[name] === b[name]);
}

/** By cookie, those that are out of reach and named, with the counts that were told of them. JSON. */
export type VanishedNamespaces = readonly (readonly [cookie: string, told: Counters])[];

export interface Namespaces {
  /**
   * Reads every namespace that exists now, as the point from which to count. Right after the programs are
   * attached. Returns it, for the agent that goes on counting from there.
   */
  start(): Promise<ReadonlyMap<bigint, Reading>>;
  /** Goes on from what an agent before has read. */
  resume(baselines: ReadonlyMap<bigint, Reading>, vanished: VanishedNamespaces): void;
  vanished(): VanishedNamespaces;
  /** Every namespace that the programs have met. */
  observe(): Promise<NamespaceObservation[]>;
  inode(id: number): number;
  /**
   * If places are short, takes back the numbers of those that are gone, told, and still since then. Their
   * cookies: nothing will be told of them any more.
   */
  recycle(): Promise<readonly bigint[]>;
}

/** Namespaces let go whose inode is still known, for rows of sockets that outlived them. */
const letGoMax = 4096;

/** Should one that was let go be met again (a descriptor of it was held), its counts begin anew. */
function rememberLetGo() {
  const byCookie = new Map<bigint, { readonly id: number; readonly inode: number }>();
  const inodes = new Map<number, number>();
  return {
    has: (cookie: bigint) => byCookie.has(cookie),
    inode: (id: number) => inodes.get(id) ?? 0,
    add({ cookie, id, inode }: { cookie: bigint; id: number; inode: number }): void {
      byCookie.set(cookie, { id, inode });
      inodes.set(id, inode);
      if (byCookie.size <= letGoMax) return;
      for (const [oldest, { id: number }] of byCookie) {
        byCookie.delete(oldest);
        inodes.delete(number);
        break;
      }
    },
  };
}

function idOf(source: NamespaceSource, cookie: bigint): number | undefined {
  return source.numbers.known().find((id) => source.read(id)?.cookie === cookie);
}

/** Undefined when another namespace has that path by now. */
async function readAt(
  source: NamespaceSource,
  path: string,
  { cookie, id }: { cookie?: bigint; id?: number } = {},
): Promise<[bigint, Reading] | undefined> {
  let seenAs = id;
  for (let attempt = 1; ; attempt++) {
    const before = (seenAs === undefined ? undefined : source.read(seenAs)?.counters) ?? zero;
    const visit = await source.native.netns(path, ...files);
    if (cookie !== undefined && visit.cookie !== cookie) return undefined;
    seenAs ??= idOf(source, visit.cookie);
    const after = (seenAs === undefined ? undefined : source.read(seenAs)?.counters) ?? zero;
    if (!equal(before, after) && attempt < readingsMax) continue;
    const [snmp, netstat] = visit.texts as [string, string];
    const { compared, inbound } = source.parse(snmp, netstat);
    return [visit.cookie, { before, kernel: compared, after, inbound }];
  }
}

async function letGoOf(
  source: NamespaceSource,
  {
    settled,
    letGo,
    maps,
  }: {
    settled: Map<bigint, number>;
    letGo: ReturnType<typeof rememberLetGo>;
    maps: readonly Map<bigint, unknown>[];
  },
): Promise<readonly bigint[]> {
  const { numbers } = source;
  if (numbers.lacking() === 0) return [];
  await numbers.mend();
  const gone = [...settled].slice(0, numbers.lacking());
  for (const [cookie, id] of gone) {
    letGo.add({ cookie, id, inode: source.read(id)?.inode ?? 0 });
    for (const kept of [settled, ...maps]) kept.delete(cookie);
  }
  await numbers.retire(gone.map(([, id]) => id));
  return gone.map(([cookie]) => cookie);
}

export function openNamespaces(source: NamespaceSource): Namespaces {
  const baselines = new Map<bigint, Reading>();
  /**
   * Those out of reach, with the counts that were told of them: each is named once, and again if it still
   * moves.
   */
  const vanished = new Map<bigint, Counters>();
  let paths = new Map<number, string>();
  /** Those of `vanished` that have not moved since; with their numbers. */
  const settled = new Map<bigint, number>();
  const letGo = rememberLetGo();

  async function observeOne(counts: NetnsCounts): Promise<NamespaceObservation> {
    const path = paths.get(counts.inode);
    if (letGo.has(counts.cookie))
      return { counts, unreachable: 'it was taken for gone, and its counts told' };
    if (path === undefined) return { counts, unreachable: 'no process and no mount of it is left' };
    try {
      const reading = await readAt(source, path, counts);
      if (!reading) return { counts, unreachable: 'no process and no mount of it is left' };
      const fresh: Reading = { before: zero, kernel: zero, after: zero, inbound: noInbound };
      return {
        counts: source.read(counts.id) ?? counts,
        baseline: baselines.get(counts.cookie) ?? fresh,
        now: reading[1],
      };
    } catch (error) {
      return { counts, unreachable: (error as Error).message };
    }
  }

  return {
    async start() {
      for (const path of findNamespaces().values()) {
        try {
          const reading = await readAt(source, path);
          if (reading) baselines.set(...reading);
        } catch {
          continue; // it went away between finding and entering it: nothing to compare later
        }
      }
      return baselines;
    },
    resume(read, gone) {
      for (const [cookie, reading] of read) baselines.set(cookie, reading);
      for (const [cookie, told] of gone) vanished.set(BigInt(cookie), told);
    },
    vanished: () => [...vanished].map(([cookie, told]) => [String(cookie), told] as const),
    async observe() {
      const observations: NamespaceObservation[] = [];
      paths = findNamespaces();
      settled.clear();
      for (const id of source.numbers.known()) {
        const counts = source.read(id);
        if (!counts) continue;
        const observation = await observeOne(counts);
        const told = vanished.get(counts.cookie);
        vanished.delete(counts.cookie);
        if (observation.unreachable !== undefined) {
          vanished.set(counts.cookie, counts.counters);
          if (told && equal(told, counts.counters)) {
            settled.set(counts.cookie, id);
            continue;
          }
        }
        observations.push(observation);
      }
      return observations;
    },
    inode: (id) => source.read(id)?.inode ?? letGo.inode(id),
    recycle: () => letGoOf(source, { settled, letGo, maps: [baselines, vanished] }),
  };
}
