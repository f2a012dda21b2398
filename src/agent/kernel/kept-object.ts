/**
 * The object file of the generation that is pinned, kept beside the spool: an agent of another build reads
 * with it what that generation has counted. It is known by its digest, which is in the generation's name.
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { objectDigest } from './generation.ts';

export interface KeptObjects {
  /** From now on this one only. What is counted goes on without it; it says so where it cannot be. */
  keep(object: string): void;
  /** Undefined where it is not there, or is not what it should be. */
  of(digest: string): string | undefined;
}

export function keptObjects(stateFolder: string, log: Log): KeptObjects {
  const folder = join(stateFolder, 'programs');
  const path = (digest: string) => join(folder, `${digest}.bpf.o`);
  const isThere = (digest: string) => existsSync(path(digest)) && objectDigest(path(digest)) === digest;

  function copy(object: string): void {
    const digest = objectDigest(object);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isThere(digest)) {
      copyFileSync(object, `${path(digest)}.next`);
      renameSync(`${path(digest)}.next`, path(digest));
    }
    for (const name of readdirSync(folder))
      if (join(folder, name) !== path(digest)) rmSync(join(folder, name));
  }

  return {
    keep(object) {
      try {
        copy(object);
      } catch (error) {
        log.warn(`another build could not read these counts: ${(error as Error).message}`);
      }
    },
    of: (digest) => (isThere(digest) ? path(digest) : undefined),
  };
}
