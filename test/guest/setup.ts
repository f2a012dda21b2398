/** What a host must have before it can run guests; the list itself is `packages.txt`, for shells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const lines = readFileSync(join(import.meta.dirname, 'packages.txt'), 'utf8').split('\n');

/** Names of Debian packages. Nothing here installs them: that is the setup script's to do, once, as root. */
export const guestPackages: readonly string[] = lines
  .map((l) => l.trim())
  .filter((l) => l && !l.startsWith('#'));
