/**
 * Network namespaces: finding them, and reading the kernel's counters inside.
 *
 * Owns, per namespace, the reading that everything is measured from. A namespace that exists when counting
 * starts is read then; one that is met later is new, and starts at zero like Sonde's own count.
 */

import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import {
  inboundCounters,
  noCounts,
  type Counters,
  type InboundCounts,
  type KernelCounters,
  type NamespaceObservation,
  type NetnsCounts,
  type Reading,
} from '../../model/observation.ts';
import type { Native } from './native.ts';
import type { NumberTable } from './numbers.ts';
import { openUnmet, unreachableGone, type Unmet, type UnmetNamespaces } from './unmet.ts';

/** Each shows the values of the thread that opens it. */
const files = [
  '/proc/thread-self/net/snmp',
  '/proc/thread-self/net/netstat',
  ...['/proc/sys/net/ipv4/tcp_abort_on_overflow'].filter(existsSync),
];

/** Readings until Sonde's counts stand still around one; then the last is taken as it is. */
const readingsMax = 5;

export interface NamespaceSource {
  readonly native: Pick<Native, 'netns'>;
  readonly numbers: Pick<NumberTable, 'known' | 'lacking' | 'mend' | 'retire'>;
  read(id: number): NetnsCounts | undefined;
  parse(texts: readonly string[]): KernelCounters;
  /** By inode: findNamespaces. */
  find(): ReadonlyMap<number, string>;
  /** Which the instance looks at, by cookie; undefined: all. */
  readonly scope: readonly bigint[] | undefined;
  /** How often a namespace found no place, since load. */
  full(): number;
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

const noInbound = Object.fromEntries(inboundCounters.map((name) => [name, 0])) as InboundCounts;

function equal(a: Counters, b: Counters): boolean {
  return (Object.keys(a) as (keyof Counters)[]).every((name) => a[name] === b[name]);
}

/** By cookie, those that are out of reach and named, with the counts that were told of them. JSON. */
export type VanishedNamespaces = readonly (readonly [cookie: string, told: Counters])[];

/** What the next agent needs to go on. JSON; what older agents did not know may be left out. */
export interface NamespacesState {
  readonly vanished: VanishedNamespaces;
  readonly letGo?: LetGoNamespaces;
  readonly unmet?: UnmetNamespaces;
}

/** Taken for gone, with the number that was taken back. */
export type LetGoNamespaces = readonly (readonly [cookie: string, id: number, inode: number])[];

export interface Namespaces {
  /**
   * Reads every namespace that exists now, as the point from which to count. Right after the programs are
   * attached. Returns it, for the agent that goes on counting from there.
   */
  start(): Promise<ReadonlyMap<bigint, Reading>>;
  /** Goes on from what an agent before has read. */
  resume(baselines: ReadonlyMap<bigint, Reading>, before: NamespacesState): void;
  state(): NamespacesState;
  /** Every namespace that the programs have met, and others in which the kernel counted. */
  observe(): Promise<NamespaceObservation[]>;
  readonly inode: (id: number) => number;
  /** Where the namespace of that inode was last seen; another may be there by now. */
  readonly path: (inode: number) => string | undefined;
  /**
   * If places are short, takes back the numbers of those that are gone, told, and still since then. Their
   * cookies: nothing will be told of them any more.
   */
  recycle(): Promise<readonly bigint[]>;
}

/**
 * Namespaces let go whose inode is still known, for rows of sockets that outlived them. Every window writes
 * them down: 40 KB.
 */
const letGoMax = 1024;

/** Should one that was let go be met again (a descriptor of it was held), its counts begin anew. */
function rememberLetGo() {
  const byCookie = new Map<bigint, { readonly id: number; readonly inode: number }>();
  const inodes = new Map<number, number>();
  return {
    state: () => [...byCookie].map(([cookie, { id, inode }]) => [String(cookie), id, inode] as const),
    cookies: () => byCookie.keys(),
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

function cookiesOf(source: NamespaceSource): bigint[] {
  return source.numbers.known().flatMap((id) => source.read(id)?.cookie ?? []);
}

/** Undefined when another namespace has that path by now. */
async function readAt(
  source: NamespaceSource,
  path: string,
  { cookie, id }: { cookie?: bigint; id?: number } = {},
): Promise<[bigint, Reading] | undefined> {
  let seenAs = id;
  for (let attempt = 1; ; attempt++) {
    const before = (seenAs === undefined ? undefined : source.read(seenAs)?.counters) ?? noCounts;
    const visit = await source.native.netns(path, ...files);
    if (cookie !== undefined && visit.cookie !== cookie) return undefined;
    seenAs ??= idOf(source, visit.cookie);
    const after = (seenAs === undefined ? undefined : source.read(seenAs)?.counters) ?? noCounts;
    if (!equal(before, after) && attempt < readingsMax) continue;
    const { compared, ...rest } = source.parse(visit.texts);
    return [visit.cookie, { before, kernel: compared, after, ...rest }];
  }
}

/** What an agent knows of namespaces, by cookie. */
interface Books {
  readonly baselines: Map<bigint, Reading>;
  /**
   * Those out of reach, with the counts that were told of them: each is named once, and again if it still
   * moves.
   */
  readonly vanished: Map<bigint, Counters>;
  /** Those of `vanished` that have not moved since; with their numbers. */
  readonly settled: Map<bigint, number>;
  readonly letGo: ReturnType<typeof rememberLetGo>;
  readonly unmet: Unmet;
}

const fresh: Reading = { before: noCounts, kernel: noCounts, after: noCounts, inbound: noInbound };

function openBooks(source: NamespaceSource): Books {
  const [baselines, letGo] = [new Map<bigint, Reading>(), rememberLetGo()];
  const unmet = openUnmet({
    async read(path) {
      const { cookie, texts } = await source.native.netns(path, ...files);
      const { compared: kernel, ...rest } = source.parse(texts);
      return [cookie, { before: noCounts, kernel, after: noCounts, ...rest }];
    },
    baseline: (cookie) => baselines.get(cookie) ?? fresh,
    met: () => new Set([...letGo.cookies(), ...cookiesOf(source)]),
    scope: source.scope,
    full: () => source.full(),
  });
  return { baselines, vanished: new Map(), settled: new Map(), letGo, unmet };
}

async function letGoOf(
  source: NamespaceSource,
  { baselines, vanished, settled, letGo, unmet }: Books,
): Promise<readonly bigint[]> {
  const { numbers } = source;
  const forgotten = unmet.takeGone();
  for (const cookie of forgotten) baselines.delete(cookie);
  if (numbers.lacking() === 0) return forgotten;
  await numbers.mend();
  const gone = [...settled].slice(0, numbers.lacking());
  for (const [cookie, id] of gone) {
    letGo.add({ cookie, id, inode: source.read(id)?.inode ?? 0 });
    for (const kept of [settled, baselines, vanished]) kept.delete(cookie);
    unmet.forget(cookie);
  }
  await numbers.retire(gone.map(([, id]) => id));
  return [...forgotten, ...gone.map(([cookie]) => cookie)];
}

/** One that the programs have met; `path`: where it is found. */
async function observeOne(
  source: NamespaceSource,
  { baselines, letGo, unmet }: Books,
  { counts, path }: { counts: NetnsCounts; path: string | undefined },
): Promise<NamespaceObservation> {
  if (letGo.has(counts.cookie)) return { counts, unreachable: 'it was taken for gone, and its counts told' };
  if (path === undefined) return { counts, unreachable: unreachableGone };
  try {
    const reading = await readAt(source, path, counts);
    if (!reading) return { counts, unreachable: unreachableGone };
    return {
      counts: source.read(counts.id) ?? counts,
      baseline: baselines.get(counts.cookie) ?? fresh,
      now: reading[1],
      ...(unmet.wasPlaceless(counts.cookie) ? { placeless: true } : {}),
    };
  } catch (error) {
    return { counts, unreachable: (error as Error).message };
  }
}

/** Whether it was told just so before: it is out of reach, and has not moved. */
function isTold({ vanished, settled }: Books, { counts, unreachable }: NamespaceObservation): boolean {
  const told = vanished.get(counts.cookie);
  vanished.delete(counts.cookie);
  if (unreachable === undefined) return false;
  vanished.set(counts.cookie, counts.counters);
  if (!told || !equal(told, counts.counters)) return false;
  settled.set(counts.cookie, counts.id);
  return true;
}

export function openNamespaces(source: NamespaceSource): Namespaces {
  const books = openBooks(source);
  const { baselines, vanished, settled, letGo, unmet } = books;
  let found: ReadonlyMap<number, string> = new Map();
  return {
    async start() {
      found = source.find();
      for (const path of found.values()) {
        try {
          const reading = await readAt(source, path);
          if (reading) baselines.set(...reading);
        } catch {
          continue; // it went away between finding and entering it: nothing to compare later
        }
      }
      return baselines;
    },
    resume(read, before) {
      for (const [cookie, reading] of read) baselines.set(cookie, reading);
      for (const [cookie, id, inode] of before.letGo ?? []) letGo.add({ cookie: BigInt(cookie), id, inode });
      const numbered = new Set(cookiesOf(source));
      for (const [text, told] of before.vanished) {
        const cookie = BigInt(text);
        if (numbered.has(cookie)) vanished.set(cookie, told);
        else if (!letGo.has(cookie)) letGo.add({ cookie, id: 0, inode: 0 }); // then it was killed
      }
      unmet.resume(before.unmet ?? []);
    },
    state: () => ({
      vanished: [...vanished].map(([cookie, told]) => [String(cookie), told] as const),
      letGo: letGo.state(),
      unmet: unmet.state(),
    }),
    async observe() {
      const observations: NamespaceObservation[] = [];
      found = source.find();
      const reached = new Set<number>();
      settled.clear();
      for (const id of source.numbers.known()) {
        const counts = source.read(id);
        if (!counts) continue;
        const observation = await observeOne(source, books, { counts, path: found.get(counts.inode) });
        if (observation.unreachable !== unreachableGone) reached.add(counts.inode);
        if (!isTold(books, observation)) observations.push(observation);
      }
      return [...observations, ...(await unmet.observe(found, reached))];
    },
    inode: (id) => source.read(id)?.inode ?? letGo.inode(id),
    path(inode) {
      if (!found.has(inode)) found = source.find(); // it has come since the last window
      return found.get(inode);
    },
    recycle: () => letGoOf(source, books),
  };
}
