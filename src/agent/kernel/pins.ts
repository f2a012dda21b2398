/**
 * Pins: names for the maps and links of a generation of counting, in the kernel's own file system for that. A
 * pinned map and a pinned link stay when the agent is gone: the kernel goes on counting, and the next agent
 * takes it over.
 *
 * Owns BPFFS/sonde/INSTANCE. A generation is one folder in it: maps under their names, links as
 * `link_NAME`. It is made whole as `new` and renamed, and renamed to `old` before it is taken apart; so
 * what has another name is whole, whenever an agent was killed. One agent at a time: whoever holds the
 * lock, which goes with its process.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
} from 'node:fs';
import { OperatorError } from '../../lib/errors.ts';
import { takeLock } from '../../lib/lock.ts';

/** BPF_FS_MAGIC of linux/magic.h. */
const bpffsType = 0xcafe4a11;

const draft = 'new';
const discarded = 'old';
const linkPrefix = 'link_';

/** How many there were of each. */
export interface Removed {
  readonly maps: number;
  readonly links: number;
}

export type Pins = AsyncDisposable & {
  /** Names of the generations that are there; by rights one at most. */
  generations(): string[];
  mapPath(generation: string, map: string): string;
  linkPath(generation: string, program: string): string;
  /** An empty folder that is no generation yet; returns what stands for its name. */
  draft(): string;
  /** Makes the draft a generation, at one stroke. */
  publish(generation: string): void;
  /** The programs of a generation are not held attached any more; its maps stay. */
  dropLinks(generation: string): void;
  remove(generation: string): Removed;
};

/** SONDE_BPFFS names another place than /sys/fs/bpf (a test's, a private mount's). */
export function bpffsPath(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['SONDE_BPFFS'] || '/sys/fs/bpf';
}

function isBpffs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === bpffsType;
}

/**
 * Mounts it where nobody has. Under a lock on the folder that it is in: mounted twice, one would hide the
 * other's pins.
 */
function mount(path: string): void {
  if (!existsSync(path)) throw new Error('no such folder');
  const parent = path.slice(0, path.lastIndexOf('/')) || '/';
  const script = 'mountpoint -q "$0" || mount -t bpf -o mode=0700 bpf "$0"';
  execFileSync('flock', [parent, 'sh', '-c', script, path], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A folder of ours that nobody else can write; made if it is missing. What is in it is then ours too. */
function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  const refuse = (reason: string) => new OperatorError('pins.foreign', { folder: path, reason });
  if ((mode & 0o170000) !== 0o040000) throw refuse('it is no folder');
  if (uid !== process.getuid?.()) throw refuse(`it belongs to user ${String(uid)}`);
  if ((mode & 0o077) !== 0) throw refuse(`others may use it, its mode is ${(mode & 0o777).toString(8)}`);
  if (!isBpffs(path)) throw refuse('it is not on a BPF file system');
}

function takeApart(path: string): Removed {
  const names = readdirSync(path);
  const links = names.filter((name) => name.startsWith(linkPrefix));
  // Links first: no program runs on into maps that nobody will read.
  for (const name of [...links, ...names.filter((other) => !links.includes(other))])
    unlinkSync(`${path}/${name}`);
  rmdirSync(path);
  return { links: links.length, maps: names.length - links.length };
}

/**
 * The agent's local socket may be elsewhere (SONDE_RUN), or be in another network namespace; these maps are
 * one, and two agents must never serve them.
 */
function lockFor(instance: string, folder: string): Disposable {
  const lock = takeLock(folder);
  if (lock) return lock;
  throw new OperatorError('agent.already_running', { instance, socket: folder });
}

/** The pins of an instance, for one process; what a killed agent left half done goes. */
async function pinsIn(instance: string, folder: string): Promise<Pins> {
  const lock = lockFor(instance, folder);
  const path = (name: string) => `${folder}/${name}`;
  for (const name of [draft, discarded]) if (existsSync(path(name))) takeApart(path(name));
  return {
    generations: () => readdirSync(folder).sort(),
    mapPath: (generation, map) => `${path(generation)}/${map}`,
    linkPath: (generation, program) => `${path(generation)}/${linkPrefix}${program}`,
    draft() {
      if (existsSync(path(draft))) takeApart(path(draft));
      mkdirSync(path(draft), { mode: 0o700 });
      return draft;
    },
    publish: (generation) => {
      renameSync(path(draft), path(generation));
    },
    dropLinks(generation) {
      for (const name of readdirSync(path(generation)))
        if (name.startsWith(linkPrefix)) unlinkSync(`${path(generation)}/${name}`);
    },
    remove(generation) {
      renameSync(path(generation), path(discarded));
      return takeApart(path(discarded));
    },
    async [Symbol.asyncDispose]() {
      if (readdirSync(folder).length === 0) rmdirSync(folder); // it goes with the last generation
      lock[Symbol.dispose]();
    },
  };
}

function folderOf(instance: string): string {
  return `${bpffsPath()}/sonde/${instance}`;
}

function checkFolders(folder: string): void {
  for (const path of [folder.slice(0, folder.lastIndexOf('/')), folder]) ownFolder(path);
}

/**
 * The pins of an instance, or why there is no place for any. Throws pins.foreign for a place that somebody
 * else could write to (whoever pins a map there decides what we read), agent.already_running for one in
 * use.
 */
export async function openPins(instance: string): Promise<Pins | string> {
  const [root, folder] = [bpffsPath(), folderOf(instance)];
  if (process.getuid?.() !== 0) return `only root keeps a folder below ${root}`;
  try {
    if (!isBpffs(root)) mount(root);
    checkFolders(folder);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const reason = (error as Error).message.trim().split('\n').at(-1) ?? '';
    return `${root}: ${reason}`;
  }
  return pinsIn(instance, folder);
}

/** Detaches and removes what a killed agent left; undefined if there is nothing. Throws as `openPins`. */
export async function removePins(instance: string): Promise<Removed | undefined> {
  const folder = folderOf(instance);
  if (process.getuid?.() !== 0 || !existsSync(folder)) return undefined;
  checkFolders(folder);
  await using pins = await pinsIn(instance, folder);
  const removed = pins.generations().map((generation) => pins.remove(generation));
  const sum = (of: keyof Removed) => removed.reduce((total, { [of]: count }) => total + count, 0);
  return removed.length === 0 ? undefined : { maps: sum('maps'), links: sum('links') };
}

/** For a line of the log. */
export function showRemoved({ links, maps }: Removed): string {
  return `${String(links)} attached programs and ${String(maps)} maps`;
}
