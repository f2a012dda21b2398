/**
 * Collects what goes into one archive: files of the host under the names they shall have in the guest, and
 * with them what they need to run (the libraries of a program or addon, the dependencies of a package).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { CpioEntry } from './cpio.ts';

const run = promisify(execFile);

/** `at` is the path in the guest, without its leading `/`. */
export type Tree = Map<string, CpioEntry>;
export interface Placed {
  readonly from: string;
  readonly at: string;
}

/**
 * Guests have Debian's merged /usr: /lib and its like are links into it. An archive that named a file under
 * /lib itself would make the kernel replace that link by a folder, and nothing would run any more.
 */
export function guestPath(path: string): string {
  const relative = path.replace(/^\/+/, '');
  return relative.replace(/^(bin|sbin|lib|lib64)(?=\/)/, 'usr/$1');
}

/** What only people and compilers read is left out: it is more than half of a package. */
function isUnread(path: string): boolean {
  return /\.(map|d\.[cm]?ts|md)$/.test(path) && path.includes('node_modules/');
}

async function isElf(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32BE(0) === 0x7f454c46;
  } finally {
    await file.close();
  }
}

/** Adds the libraries an ELF file names, and the loader. A static one names none; ldd calls that an error. */
async function addLibraries(tree: Tree, path: string): Promise<void> {
  const { stdout } = await run('ldd', [path]).catch(() => ({ stdout: '' }));
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) throw new Error(`${path} needs ${missing}, which this machine does not have`);
  for (const match of stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)) {
    const library = match[1] ?? '';
    const at = guestPath(library);
    if (!tree.has(at)) tree.set(at, await fileEntry({ from: library, at }, 0o755));
  }
}

async function fileEntry({ from, at }: Placed, mode: number): Promise<CpioEntry> {
  const real = await realpath(from);
  return { kind: 'file', path: at, mode, from: real, size: (await stat(real)).size };
}

/** One file, and its libraries when it is a program, a library or an addon. */
export async function addFile(tree: Tree, { from, at }: Placed): Promise<void> {
  const { mode } = await stat(from);
  tree.set(at, await fileEntry({ from, at }, mode & 0o777));
  const mayBeElf = (mode & 0o111) !== 0 || /\.(node|so)(\.|$)/.test(from);
  if (mayBeElf && (await isElf(from))) await addLibraries(tree, from);
}

export async function addFolder(tree: Tree, { from, at }: Placed): Promise<void> {
  tree.set(at, { kind: 'folder', path: at, mode: (await stat(from)).mode & 0o7777 });
  for (const item of await readdir(from, { withFileTypes: true })) {
    const inner = { from: join(from, item.name), at: join(at, item.name) };
    if (isUnread(inner.from)) continue;
    if (item.isDirectory()) await addFolder(tree, inner);
    else if (item.isSymbolicLink()) await addLink(tree, inner);
    else if (item.isFile()) await addFile(tree, inner);
  }
}

async function addLink(tree: Tree, { from, at }: Placed): Promise<void> {
  tree.set(at, { kind: 'link', path: at, target: await readlink(from) });
}

/** The nearest folder of that package, looked for the way Node does. */
function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/** Folders of the packages that one depends on, itself first. */
export async function packageFolders(folder: string, seen: Set<string> = new Set()): Promise<Set<string>> {
  if (seen.has(folder)) return seen;
  seen.add(folder);
  const text = await readFile(join(folder, 'package.json'), 'utf8');
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(text) as Partial<
    Record<'dependencies' | 'peerDependencies', Record<string, string>>
  >;
  for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
    const found = findPackage(name, folder);
    if (found === undefined) throw new Error(`${folder} depends on ${name}, which is not installed`);
    await packageFolders(found, seen);
  }
  return seen;
}

/**
 * Where a command of this machine lies; a user's PATH may lack the folders of the administrator's commands.
 */
export function findCommand(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const found = folders.map((f) => join(f, name)).find((p) => p.startsWith('/') && existsSync(p));
  if (found === undefined) throw new Error(`this machine has no ${name}; see test/guest/packages.txt`);
  return found;
}
