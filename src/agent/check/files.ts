/** Files of the node, from its root or, in a test, from a folder that stands for it. */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A text, or why there is none: the name of the errno. */
export type Read = { readonly text: string } | { readonly why: string };

export interface NodeFiles {
  has(path: string): boolean;
  /** Without the white space around it. */
  text(path: string): Read;
  /** What a symbolic link says. */
  link(path: string): Read;
  /** Nothing, where there is no such folder or it is not for us. */
  list(path: string): readonly string[];
}

function attempt(read: () => string): Read {
  try {
    return { text: read() };
  } catch (error) {
    return { why: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
  }
}

export function filesBelow(root: string): NodeFiles {
  return {
    has: (path) => existsSync(root + path),
    text: (path) => attempt(() => readFileSync(root + path, 'latin1').trim()),
    link: (path) => attempt(() => readlinkSync(root + path)),
    list(path) {
      try {
        return readdirSync(root + path);
      } catch {
        return []; // a process that has gone, or one that is not for us to look at
      }
    },
  };
}

export const nodeFiles: NodeFiles = filesBelow('');
