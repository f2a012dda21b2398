import { existsSync, mkdirSync } from 'node:fs';
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
