import { existsSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes an absolute folder and those above it that are missing. One by one: Node's recursive mkdir does not
 * end in a file system that refuses, such as /proc.
 */
export function makeFolders(folder: string, mode: number): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder), mode);
  mkdirSync(folder, mode);
}

/** Has names on the disk that were made, changed or removed in a folder: that of a file is not part of the file. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
