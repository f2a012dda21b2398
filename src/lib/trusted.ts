/**
 * Whether only those whom we obey anyway can change a file or folder: root, the user that we are, and whoever
 * owns the program. What others can write would let them decide what root does.
 */

import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OperatorError } from './errors.ts';

/** Entries of a folder that are looked at. More are no folder of questions. */
const entriesMax = 10_000;

const kind = { mask: 0o170000, link: 0o120000, folder: 0o040000 } as const;
const sticky = 0o1000;

type Owners = ReadonlySet<number>;

/** Why it cannot be relied on; undefined when it can. */
function problemOf(path: string, owners: Owners, isAbove: boolean): string | undefined {
  const { uid, mode } = lstatSync(path);
  if (!owners.has(uid)) return `it belongs to user ${String(uid)}`;
  if ((mode & kind.mask) === kind.link) return undefined; // it has no mode of its own
  if (isAbove && (mode & sticky) !== 0) return undefined; // nobody replaces what is another's, as in /tmp
  return (mode & 0o022) === 0 ? undefined : `others may write it, its mode is ${(mode & 0o777).toString(8)}`;
}

function demand(path: string, owners: Owners, isAbove = false): void {
  const reason = problemOf(path, owners, isAbove);
  if (reason !== undefined) throw new OperatorError('config.untrusted', { path, reason });
}

/** The path itself, and everything above it: who can rename a folder has all that is in it. */
function demandUp(path: string, owners: Owners): void {
  demand(path, owners);
  for (let at = path; dirname(at) !== at; at = dirname(at)) demand(dirname(at), owners, true);
}

function trustedOwners(): Owners {
  return new Set([0, process.geteuid?.() ?? 0, statSync(import.meta.dirname).uid]);
}

/**
 * A file, or a folder with all that is in it. What is not there is nobody's: whoever reads it says so.
 * Throws config.untrusted.
 */
export function requireTrusted(name: string, owners: Owners = trustedOwners()): void {
  const path = resolve(name);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  for (const each of new Set([path, realpathSync(path)])) demandUp(each, owners);
  if (!statSync(path).isDirectory()) return;
  const entries = readdirSync(path, { recursive: true, encoding: 'utf8' });
  for (const entry of entries.slice(0, entriesMax)) demand(join(path, entry), owners);
}
