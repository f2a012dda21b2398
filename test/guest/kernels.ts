/**
 * The kernels that guests boot: Debian's own, from the mirror the machine's apt is set up with. Owns nothing
 * on the machine: apt works with a configuration and lists of its own in a temporary folder. Keeps each
 * unpacked kernel in the cache; delete its folder to get a newer one, since a version that Debian replaces is
 * soon gone from its pool.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.ts';
import { debianSources } from './sources.ts';

const run = promisify(execFile);
const outputBytesMax = 64 << 20;

/**
 * All are the `cloud` flavour: a third of the size, and it has all that the tests ask of a kernel. 5.10 is
 * older than what Sonde supports: it is there to see what such a host is told.
 */
export const kernels = [
  { name: '5.10', suites: ['bullseye'], metapackage: 'linux-image-cloud-amd64' },
  { name: '6.1', suites: ['bookworm', 'bookworm-security'], metapackage: 'linux-image-cloud-amd64' },
  { name: '6.12', suites: ['trixie', 'trixie-security'], metapackage: 'linux-image-cloud-amd64' },
  { name: '6.18', suites: ['trixie-backports'], metapackage: 'linux-image-cloud-amd64' },
  { name: '7.3', suites: ['trixie-backports'], metapackage: 'linux-image-cloud-amd64' },
] as const;
export type KernelName = (typeof kernels)[number]['name'];

export interface Kernel {
  readonly name: KernelName;
  /** As `uname -r` says it. */
  readonly release: string;
  readonly image: string;
  /** The folder that holds `kernel/` and `modules.builtin`. */
  readonly modules: string;
}

/**
 * apt's configuration for one use. Read last, so it may clear what the machine's own would run after an
 * update.
 */
function aptConfiguration(folder: string): string {
  return [
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    // The folder is root's alone, or the user's alone: apt's own user could not write there.
    'APT::Sandbox::User "root";',
    'APT::Architecture "amd64";',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '',
  ].join('\n');
}

type Apt = (command: 'get' | 'cache', ...args: string[]) => Promise<string>;

async function openApt(folder: string, suites: readonly string[]): Promise<Apt> {
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources.list'), await debianSources(suites));
  await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder));
  return async (command, ...args) => {
    const options = { cwd: folder, maxBuffer: outputBytesMax, env: { ...process.env, LC_ALL: 'C' } };
    const { stdout } = await run(`apt-${command}`, ['-c', join(folder, 'apt.conf'), '-q', ...args], options);
    return stdout;
  };
}

function field(record: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(record)?.[1] ?? '';
}

/**
 * Names of the packages a kernel package is made of: itself, from 6.18 on -base- (the config), and from 6.19
 * on -binary- and -modules- as well, with nothing left in -image- itself. A suite may keep an old kernel
 * without its -base-.
 */
async function parts(apt: Apt, name: string): Promise<string[]> {
  const isOptional = name.startsWith('linux-base-');
  const shown = apt('cache', 'show', '--no-all-versions', name);
  const record = (await (isOptional ? shown.catch(() => '') : shown)).split('\n\n')[0] ?? '';
  if (record === '') return [];
  const wanted = /\blinux-(?:image|base|binary|modules)-\d[^\s,()|]*/g;
  const next = [...field(record, 'Depends').matchAll(wanted)].map((m) => m[0]);
  const deeper = await Promise.all(next.map((n) => parts(apt, n)));
  return [...new Set([name, ...deeper.flat()])];
}

/** `6.12.9` before `6.12.10`. */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/**
 * The metapackage names the newest kernel of its suite; an older series is found among the versions the suite
 * kept.
 */
async function resolvePackages(apt: Apt, source: (typeof kernels)[number]): Promise<string[]> {
  const flavour = source.metapackage.replace('linux-image-', '');
  const isWanted = (name: string): boolean =>
    name.startsWith(`linux-image-${source.name}.`) && name.endsWith(`-${flavour}`);
  const named = await parts(apt, source.metapackage);
  const image = named.find(isWanted) ?? (await keptVersions(apt, source.name)).filter(isWanted).at(-1);
  if (image === undefined) {
    const where = source.suites.join(', ');
    throw new Error(`no kernel ${source.name} in ${where}; ${source.metapackage} is ${named.join(', ')}`);
  }
  return parts(apt, image);
}

async function keptVersions(apt: Apt, series: string): Promise<string[]> {
  const names = await apt('cache', 'pkgnames', `linux-image-${series}.`);
  return names.split('\n').filter(Boolean).sort(byVersion);
}

async function unpack(folder: string, packages: readonly string[], apt: Apt): Promise<string> {
  await apt('get', 'download', ...packages);
  const tree = join(folder, 'tree');
  for (const file of await readdir(folder)) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(folder, file), tree]);
  }
  return tree;
}

/** Where the parts lie differs: /boot or beside the modules, /lib or /usr/lib. */
async function locate(name: KernelName, tree: string): Promise<Kernel> {
  const above = ['usr/lib/modules', 'lib/modules'].map((p) => join(tree, p)).find(existsSync);
  const release = above === undefined ? undefined : (await readdir(above))[0];
  if (above === undefined || release === undefined) throw new Error(`no modules in ${tree}`);
  const modules = join(above, release);
  const image = [join(tree, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')].find(existsSync);
  if (image === undefined) throw new Error(`no kernel image in ${tree}`);
  return { name, release, image, modules };
}

async function download(source: (typeof kernels)[number], destination: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-apt-'));
  try {
    const apt = await openApt(folder, source.suites);
    await apt('get', 'update', '-o', 'APT::Update::Error-Mode=any');
    const packages = await resolvePackages(apt, source);
    const tree = await unpack(folder, packages, apt);
    const near = `${destination}.${randomUUID()}`;
    await run('cp', ['-a', tree, near]);
    // Two may do this at once; the second's copy is thrown away.
    await rename(near, destination).catch(() => rm(near, { recursive: true }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function isKernelName(name: string): name is KernelName {
  return kernels.some((k) => k.name === name);
}

/**
 * From the cache, or else from the mirror (10 to 50 MB). Throws when the mirror has it no more or the
 * signature is wrong.
 */
export async function fetchKernel(name: KernelName): Promise<Kernel> {
  const source = kernels.find((k) => k.name === name);
  if (source === undefined)
    throw new Error(`no kernel ${name}; there are ${kernels.map((k) => k.name).join(', ')}`);
  const destination = join(await cached('kernels'), name);
  if (!existsSync(destination)) await download(source, destination);
  return locate(name, destination);
}

/**
 * Options the kernel was built with: `y`, `m`, or absent. Empty where the package carries no config (from
 * 6.19 on).
 */
export async function kernelConfig(kernel: Kernel): Promise<ReadonlyMap<string, string>> {
  const beside = [join(kernel.modules, 'config'), kernel.image.replace('vmlinuz-', 'config-')];
  const path = beside.find((p) => p !== kernel.image && existsSync(p));
  const text = path === undefined ? '' : await readFile(path, 'utf8');
  return new Map([...text.matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map((m) => [m[1] ?? '', m[2] ?? '']));
}
