/**
 * The kernels that guests boot: Debian's own, from the mirror the machine's apt is set up with. Keeps each
 * unpacked kernel in the cache, named by its package; Debian replaces versions, and a replaced one is soon
 * gone from its pool.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MirrorError, openApt, type Apt } from './apt.ts';
import { cached } from './cache.ts';
import { debianSources } from './sources.ts';

const run = promisify(execFile);

/**
 * Which kernels there are, as `series`: major and minor. 5.10 is older than what Sonde supports: it is there
 * to see what such a host is told. 6.1x and 7.x are whatever is newest.
 */
export const kernels = [
  { name: '5.10', series: /^5\.10$/, suites: ['bullseye', 'bullseye-security'] },
  { name: '6.1', series: /^6\.1$/, suites: ['bookworm', 'bookworm-security'] },
  { name: '6.12', series: /^6\.12$/, suites: ['trixie', 'trixie-security'] },
  { name: '6.1x', series: /^6\.1\d$/, suites: ['trixie-backports'] },
  { name: '7.x', series: /^7\.\d+$/, suites: ['trixie-backports', 'forky', 'sid'] },
] as const satisfies readonly KernelSource[];
export type KernelName = (typeof kernels)[number]['name'];

export interface KernelSource {
  readonly name: string;
  readonly series: RegExp;
  readonly suites: readonly string[];
}

export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  /** Debian's version, which has the upstream one in it: `6.1.192-1`. */
  readonly version: string;
  /** Where it was found. */
  readonly suite: string;
  readonly image: string;
  /** The folder that holds `kernel/` and `modules.builtin`. */
  readonly modules: string;
}

/** There is no such kernel to boot, through no fault of ours. `reason` names no host. */
export class KernelUnavailable extends Error {
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    const { cause } = options ?? {};
    super(cause instanceof Error ? `${reason}: ${cause.message}` : reason, options);
    this.reason = reason;
  }
}

/**
 * All are the `cloud` flavour: a third of the size, and it has all that the tests ask of a kernel. The third
 * number keeps out metapackages such as linux-image-6.12-cloud-amd64.
 */
const imageName = /^linux-image-(?<version>(?<series>\d+\.\d+)\.\d+\S*)-cloud-amd64$/;

/** How many versions of a suite are tried when the newest are listed and gone. */
const triesMax = 20;

/** `6.12.9` before `6.12.10`. */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Those of the series, newest first. */
export function newestFirst(names: readonly string[], series: RegExp): string[] {
  return names
    .filter((name) => series.test(imageName.exec(name)?.groups?.['series'] ?? ''))
    .sort((a, b) => byVersion(b, a));
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
  const shown = apt.run('cache', 'show', '--no-all-versions', name);
  const record = (await (isOptional ? shown.catch(() => '') : shown)).split('\n\n')[0] ?? '';
  if (record === '' && !isOptional) throw new MirrorError('absent', `the mirror has no ${name}`);
  if (record === '') return [];
  const wanted = /\blinux-(?:image|base|binary|modules)-\d[^\s,()|]*/g;
  const next = [...field(record, 'Depends').matchAll(wanted)].map((m) => m[0]);
  const deeper = await Promise.all(next.map((n) => parts(apt, n)));
  return [...new Set([name, ...deeper.flat()])];
}

interface Found {
  readonly apt: Apt;
  readonly image: string;
}

/** What the suites hold of the series, newest first; a suite that the mirror does not carry holds nothing. */
async function onMirror(source: KernelSource, open: AsyncDisposableStack): Promise<Found[]> {
  const found: Found[] = [];
  for (const suite of source.suites) {
    try {
      const apt = open.use(await openApt(suite, await debianSources([suite])));
      const names = (await apt.run('cache', 'pkgnames', 'linux-image-')).split('\n');
      found.push(...newestFirst(names, source.series).map((image) => ({ apt, image })));
    } catch (error) {
      if (!(error instanceof MirrorError)) throw error;
      if (error.kind === 'down') throw new KernelUnavailable('the mirror does not answer', { cause: error });
    }
  }
  return found.sort((a, b) => byVersion(b.image, a.image));
}

async function unpack(apt: Apt, image: string): Promise<string> {
  await apt.run('get', 'download', ...(await parts(apt, image)));
  const tree = join(apt.folder, 'tree');
  for (const file of await readdir(apt.folder)) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(apt.folder, file), tree]);
  }
  return tree;
}

const originFile = 'sonde-origin.json';
type Origin = Pick<Kernel, 'version' | 'suite'>;

async function download({ apt, image }: Found, destination: string): Promise<void> {
  const tree = await unpack(apt, image);
  const version = field(await apt.run('cache', 'show', '--no-all-versions', image), 'Version');
  const origin: Origin = { version, suite: apt.suite };
  await writeFile(join(tree, originFile), JSON.stringify(origin));
  const near = `${destination}.${randomUUID()}`;
  await run('cp', ['-a', tree, near]);
  // Two may do this at once; the second's copy is thrown away.
  await rename(near, destination).catch(() => rm(near, { recursive: true }));
}

/** Where the parts lie differs: /boot or beside the modules, /lib or /usr/lib. */
async function locate(tree: string): Promise<Kernel> {
  const above = ['usr/lib/modules', 'lib/modules'].map((p) => join(tree, p)).find(existsSync);
  const release = above === undefined ? undefined : (await readdir(above))[0];
  if (above === undefined || release === undefined) throw new Error(`no modules in ${tree}`);
  const modules = join(above, release);
  const image = [join(tree, 'boot', `vmlinuz-${release}`), join(modules, 'vmlinuz')].find(existsSync);
  if (image === undefined) throw new Error(`no kernel image in ${tree}`);
  const origin = JSON.parse(await readFile(join(tree, originFile), 'utf8')) as Origin;
  await utimes(tree, new Date(), new Date());
  return { ...origin, release, image, modules };
}

/**
 * A name of the table, or any series that Debian's newest suites have: `6.18`. Throws for anything else.
 */
export function kernelSource(name: string): KernelSource {
  const known = kernels.find((k) => k.name === name);
  if (known !== undefined) return known;
  if (!/^\d+\.\d+$/.test(name))
    throw new Error(`no kernel ${name}; there are ${kernels.map((k) => k.name).join(', ')} and any series`);
  const suites = [...new Set(kernels.flatMap((k) => k.suites))];
  return { name, series: new RegExp(`^${name.replace('.', '\\.')}$`), suites };
}

/** The newest of its series that the mirror has now, from the cache or from there (10 to 50 MB). */
export async function newestKernel(source: KernelSource): Promise<Kernel> {
  const folder = await cached('kernels');
  await using open = new AsyncDisposableStack();
  const found = await onMirror(source, open);
  for (const candidate of found.slice(0, triesMax)) {
    const destination = join(folder, candidate.image);
    try {
      if (!existsSync(destination)) await download(candidate, destination);
      return await locate(destination);
    } catch (error) {
      if (!(error instanceof MirrorError)) throw error;
      if (error.kind === 'down') throw new KernelUnavailable('the mirror does not answer', { cause: error });
    }
  }
  throw new KernelUnavailable(
    found.length === 0 ? `the mirror has no ${source.name}` : 'the mirror lists it and has it no more',
  );
}

/**
 * From the cache, whatever its age (three days at most, cache.ts), or else from the mirror. Throws
 * KernelUnavailable, and a plain error when a signature is wrong.
 */
export async function fetchKernel(name: string): Promise<Kernel> {
  const source = kernelSource(name);
  const folder = await cached('kernels');
  const [kept] = newestFirst(await readdir(folder), source.series);
  return kept === undefined ? newestKernel(source) : locate(join(folder, kept));
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
