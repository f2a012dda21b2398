/**
 * Where guests keep what they reuse: unpacked kernels, archives of the image, disks, and a folder for each
 * run while it lasts. `build/guest`, or what SONDE_GUEST_CACHE says; about 0.5 GB, and 0.1 GB more for each
 * kernel.
 */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const dayMs = 24 * 3600 * 1000;
/** Unused for so long, a kernel has a newer one, and an archive is of a Node or a library that is gone. */
const unusedMsMax = 3 * dayMs;

export const cacheFolder = resolve(
  process.env['SONDE_GUEST_CACHE'] ?? join(import.meta.dirname, '../../build/guest'),
);

async function prune(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  for (const name of (await readdir(folder)).filter(isOurs)) {
    const path = join(folder, name);
    // Another run may remove it first.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > unusedMsMax) await rm(path, { recursive: true, force: true });
  }
}

/** The folder of that name in the cache, there from now on. */
export async function cached(name: 'kernels' | 'archives' | 'disks'): Promise<string> {
  const folder = join(cacheFolder, name);
  await mkdir(folder, { recursive: true });
  await prune(folder, () => true);
  return folder;
}

/** A new folder for one run, which removes it; those of runs that were killed go when they are old. */
export async function runFolder(): Promise<string> {
  await mkdir(cacheFolder, { recursive: true });
  await prune(cacheFolder, (name) => name.startsWith('run-'));
  return mkdtemp(join(cacheFolder, 'run-'));
}
