/** What the maps that this process holds take in the kernel, by its own word (fdinfo). */

import { readdirSync, readFileSync } from 'node:fs';

/**
 * Bytes by map, from the text of /proc/PID/fdinfo/N; undefined for a descriptor of something else. Kernels
 * from 6.4 on count what is in use, those before what a map may take.
 */
export function mapMemory(fdinfo: string): { readonly id: string; readonly bytes: number } | undefined {
  const id = /^map_id:\t(\d+)$/m.exec(fdinfo)?.[1];
  const bytes = /^memlock:\t(\d+)$/m.exec(fdinfo)?.[1];
  return id === undefined || bytes === undefined ? undefined : { id, bytes: Number(bytes) };
}

/** Of each map once, however many descriptors it has. */
export function heldMapBytes(folder = '/proc/self/fdinfo'): number {
  const maps = new Map<string, number>();
  for (const descriptor of readdirSync(folder)) {
    let text: string;
    try {
      text = readFileSync(`${folder}/${descriptor}`, 'latin1');
    } catch {
      continue; // closed since, such as the folder's own
    }
    const map = mapMemory(text);
    if (map) maps.set(map.id, map.bytes);
  }
  return [...maps.values()].reduce((sum, bytes) => sum + bytes, 0);
}
