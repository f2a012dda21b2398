/**
 * The part of an image that differs each time: the project's files that the caller names, and the command.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { CpioEntry } from './cpio.ts';
import type { Tree } from './tree.ts';
import { addFile, addFolder, findCommand, guestPath, packageFolders } from './tree.ts';

export const projectFolder = resolve(import.meta.dirname, '../..');

/** The project's folder in the guest, and the working directory of the command. */
export const guestFolder = '/sonde';

/**
 * A file or folder. As a string, a path in the project, which keeps its place under /sonde. A package in
 * node_modules brings the packages it depends on; a program or addon brings its libraries.
 */
export type GuestFile = string | { readonly from: string; readonly to: string };

/** Whose init is the first process; see GuestOptions. */
export type Init = 'guest' | 'disk';

export interface Project {
  readonly files: readonly GuestFile[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Commands of this machine to have in the guest besides those of userland.ts, by name. */
  readonly tools: readonly string[];
  /** Paths in the guest; relative ones are under /sonde. */
  readonly artifacts: readonly string[];
  readonly token: string;
  readonly init: Init;
}

/** Ends a file whose types were taken out here. Trailing, so that lines and columns stay as they were. */
const strippedMark = '\n//# types stripped';

/**
 * Node takes the types out of TypeScript with a WebAssembly program, which costs 0.6 s per process and 60 ms
 * per file where the processor is emulated. So it is done here, and this, loaded first by every Node in the
 * guest, says that it was.
 */
const hook = `
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
registerHooks({
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
    const source = readFileSync(fileURLToPath(url), 'utf8');
    if (!source.endsWith(${JSON.stringify(strippedMark)})) return next(url, context);
    return { format: 'module', source, shortCircuit: true };
  },
});
`;

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Node's own way, which it calls experimental, once, on stderr; what is printed there should be the
 * command's.
 */
function withoutTypes(source: string): string {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function stripped(entry: CpioEntry): Promise<CpioEntry> {
  if (entry.kind !== 'file' || !entry.path.endsWith('.ts') || entry.path.includes('node_modules/'))
    return entry;
  const source = withoutTypes(await readFile(entry.from, 'utf8'));
  return { kind: 'bytes', path: entry.path, mode: entry.mode, bytes: Buffer.from(source + strippedMark) };
}

function place(file: GuestFile): { from: string; at: string } {
  const { from, to } =
    typeof file === 'string'
      ? { from: file, to: relative(projectFolder, resolve(projectFolder, file)) }
      : file;
  if (to.startsWith('..')) throw new Error(`${from} lies outside the project: say where it goes`);
  return { from: resolve(projectFolder, from), at: guestPath(isAbsolute(to) ? to : join(guestFolder, to)) };
}

async function addProjectFile(tree: Tree, file: GuestFile): Promise<void> {
  const { from, at } = place(file);
  if ((await stat(from)).isFile()) return addFile(tree, { from, at });
  await addFolder(tree, { from, at });
  if (!/node_modules\/(@[^/]+\/)?[^/]+$/.test(from)) return;
  for (const folder of await packageFolders(from)) {
    await addFolder(tree, { from: folder, at: guestPath(join('/', at, relative(from, folder))) });
  }
}

async function scriptFile(path: string, name: string): Promise<CpioEntry> {
  return { kind: 'bytes', path, mode: 0o755, bytes: await readFile(join(import.meta.dirname, name)) };
}

function shellFile(path: string, lines: readonly string[]): CpioEntry {
  return { kind: 'bytes', path, mode: 0o755, bytes: Buffer.from(`${lines.join('\n')}\n`) };
}

function commandFile(project: Project): CpioEntry {
  const options = ['--import=/guest/types.mjs', project.env['NODE_OPTIONS'] ?? ''].join(' ').trim();
  const env = { ...project.env, NODE_OPTIONS: options };
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return shellFile('guest/command', [
    ...exports,
    `cd ${guestFolder}`,
    `exec ${project.command.map(quoted).join(' ')}`,
  ]);
}

function artifactPaths(project: Project): string {
  const spaced = project.artifacts.find((a) => /\s/.test(a));
  if (spaced !== undefined) throw new Error(`the name of an artifact has no spaces: ${spaced}`);
  return project.artifacts.join(' ');
}

export async function projectTree(project: Project): Promise<Tree> {
  const tree: Tree = new Map();
  const packageFile = join(projectFolder, 'package.json');
  const always = existsSync(packageFile) ? ['package.json'] : [];
  for (const file of [...always, ...project.files]) await addProjectFile(tree, file);
  for (const name of project.tools) await addFile(tree, { from: findCommand(name), at: `usr/bin/${name}` });
  for (const [at, entry] of tree) tree.set(at, await stripped(entry));
  const settings = [
    `TOKEN=${project.token}`,
    `ARTIFACTS=${quoted(artifactPaths(project))}`,
    `INIT=${project.init}`,
  ];
  const own: CpioEntry[] = [
    await scriptFile('init', 'init.sh'),
    await scriptFile('guest/run', 'run.sh'),
    await scriptFile('guest/disk', 'disk.sh'),
    { kind: 'bytes', path: 'guest/types.mjs', mode: 0o644, bytes: Buffer.from(hook) },
    { kind: 'folder', path: guestFolder.slice(1), mode: 0o755 },
    // bin/sonde runs on the project's Node, and the guest's is that one.
    { kind: 'link', path: `${guestFolder.slice(1)}/node_modules/.bin/node`, target: '/usr/bin/node' },
    shellFile('guest/settings', settings),
    commandFile(project),
  ];
  for (const entry of own) tree.set(entry.path, entry);
  return tree;
}
