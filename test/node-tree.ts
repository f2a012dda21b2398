/** A folder that stands for a node's root: the files that a look at a node reads. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { filesBelow, type NodeFiles } from '../src/agent/check/files.ts';

export interface NodeTree {
  /** By path from the root. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
}

/** Hands them to `act`, and removes them. */
export function withTree<T>({ texts = {}, links = {} }: NodeTree, act: (files: NodeFiles) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'sonde-node-'));
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  try {
    for (const [path, text] of Object.entries(texts)) writeFileSync(place(path), text);
    for (const [path, target] of Object.entries(links)) symlinkSync(target, place(path));
    return act(filesBelow(root));
  } finally {
    rmSync(root, { recursive: true });
  }
}
