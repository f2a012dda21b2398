/**
 * Names of users, from the host's passwd file. Owns the names by number, `usersMax` at most; the file is read
 * again when it has changed. What a directory service knows alone has no name here.
 */

import { readFileSync, statSync } from 'node:fs';

export interface Users {
  name(uid: number): string | undefined;
  /** Reads the file again if it has changed; whether it had. */
  refresh(): boolean;
}

export const usersMax = 65_536;

/** Of two names for one number the first counts, as for getpwuid(3). */
function parse(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    const uid = /^\d+$/.test(number ?? '') ? Number(number) : undefined;
    if (!name || uid === undefined || names.has(uid)) continue;
    if (names.size === usersMax) break;
    names.set(uid, name);
  }
  return names;
}

/** What changes with the file, also where another takes its place. */
function stateOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat && [stat.ino, stat.mtimeNs, stat.size].join(' ');
}

function read(file: string): Map<number, string> {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return new Map(); // none, or not for this user: numbers have no names then
  }
}

export function openUsers(file = '/etc/passwd'): Users {
  let [state, names] = [stateOf(file), read(file)];
  return {
    name: (uid) => names.get(uid),
    refresh() {
      const now = stateOf(file);
      if (now === state) return false;
      [state, names] = [now, read(file)];
      return true;
    },
  };
}
