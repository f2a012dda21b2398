/**
 * Puts an image together from three archives: the userland (150 MB, the same for all), the kernel's modules,
 * and the project's part. The first two are kept in the cache under a digest of what is in them, so a second
 * run writes only the third.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cached } from './cache.ts';
import { writeCpio } from './cpio.ts';
import type { Kernel } from './kernels.ts';
import { guestModules } from './modules.ts';
import type { Project } from './project.ts';
import { projectTree } from './project.ts';
import type { Tree } from './tree.ts';
import { userland } from './userland.ts';

async function digest(tree: Tree): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of tree.values()) {
    const { kind, path } = entry;
    hash.update(JSON.stringify([kind, path, kind === 'link' ? entry.target : entry.mode]));
    if (kind === 'bytes') hash.update(entry.bytes);
    if (kind !== 'file') continue;
    for await (const chunk of createReadStream(entry.from, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
  }
  return hash.digest('hex').slice(0, 16);
}

async function kept(name: string, tree: Tree): Promise<string> {
  const path = join(await cached('archives'), `${name}-${await digest(tree)}.cpio`);
  if (!existsSync(path)) await writeCpio(path, [...tree.values()]);
  await utimes(path, new Date(), new Date());
  return path;
}

async function modulesTree(kernel: Kernel): Promise<Tree> {
  const modules = await guestModules(kernel);
  // The shell that loads them sorts by name.
  const path = (at: number, name: string): string =>
    `guest/modules/${String(at).padStart(3, '0')}-${name}.ko`;
  return new Map(
    modules.map(({ name, bytes }, at) => [name, { kind: 'bytes', path: path(at, name), mode: 0o644, bytes }]),
  );
}

/** Writes `initramfs` in `folder` and returns its path. */
export async function writeInitramfs(folder: string, kernel: Kernel, project: Project): Promise<string> {
  const own = join(folder, 'project.cpio');
  await writeCpio(own, [...(await projectTree(project)).values()]);
  const archives = [
    await kept('userland', await userland()),
    await kept(`modules-${kernel.release}`, await modulesTree(kernel)),
    own,
  ];
  const path = join(folder, 'initramfs');
  for (const archive of archives) {
    await pipeline(
      createReadStream(archive, { highWaterMark: 1 << 20 }),
      createWriteStream(path, { flags: 'a' }),
    );
  }
  return path;
}
