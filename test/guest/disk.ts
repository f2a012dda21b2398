/** Images of disks for guests: an empty file system, and a Debian that boots. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptFailure } from './apt.ts';
import { cached } from './cache.ts';
import { debianSources } from './sources.ts';
import { findCommand } from './tree.ts';

const run = promisify(execFile);

/** Of an image; a file with holes. */
const debianBytes = 2 ** 31;

/** ext4, as Debian's installer makes it, with what is in the folder. */
async function format(image: string, bytes: number, folder?: string): Promise<void> {
  const content = folder === undefined ? [] : ['-d', folder];
  const words = ['-q', '-t', 'ext4', ...content, image, `${String(bytes / 1024)}k`];
  await run(findCommand('mke2fs'), words);
}

/** A new image with an empty ext4 in it. */
export function emptyDisk(image: string, bytes: number): Promise<void> {
  return format(image, bytes);
}

/** What makes a Debian boot. No udev: devtmpfs has the one disk and the two ports. */
const always = ['systemd', 'systemd-sysv', 'busybox', 'iproute2'] as const;

interface Release {
  readonly codename: string;
  readonly packages: readonly string[];
}

async function bootstrap(image: string, { codename, packages }: Release): Promise<void> {
  const sources = await debianSources([codename, `${codename}-security`]);
  const folder = await mkdtemp(`${image}.`);
  try {
    const words = ['--quiet', '--mode=root', '--variant=essential', '--format=directory'];
    const hooks = [`--include=${packages.join(',')}`, '--dpkgopt=path-exclude=/usr/share/doc/*'];
    const child = run('mmdebstrap', [...words, ...hooks, codename, folder, '-'], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    child.child.stdin?.end(sources);
    await child.catch((error: unknown) => {
      throw aptFailure((error as { stderr?: string }).stderr ?? String(error));
    });
    await format(image, debianBytes, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The release of this machine: what was built here runs there. */
async function codenameHere(): Promise<string> {
  const name = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (name === undefined) throw new Error('guests are Debian, and this machine is not one');
  return name;
}

/**
 * Writes a Debian to `image`: systemd and these packages with what they depend on, and nothing else. From the
 * cache, or else from the mirror (60 MB; a minute). Throws MirrorError.
 */
export async function debianDisk(image: string, packages: readonly string[]): Promise<void> {
  const release = { codename: await codenameHere(), packages: [...always, ...packages].sort() };
  const name = [release.codename, ...release.packages].join('+');
  const kept = join(await cached('disks'), `${name}.ext4`);
  if (!existsSync(kept)) {
    const unfinished = `${kept}.${randomUUID()}`;
    await bootstrap(unfinished, release);
    await rename(unfinished, kept);
  }
  await utimes(kept, new Date(), new Date());
  await run('cp', ['--sparse=always', kept, image]);
}
