/** How far an exporter has come: one small file, replaced as a whole. */

import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { syncFolder } from '../../../lib/folders.ts';

const position = z.strictObject({
  /** The segment, and where in it the next entry starts. */
  segment: z.int().min(0),
  offset: z.int().min(0),
  /** Records of this segment that are settled. */
  records: z.int().min(0),
  /** record.sequence of the next record; the entry at `offset` may have some before it. */
  sequence: z.int().min(0),
});

export type Position = Readonly<z.output<typeof position>>;

/** Undefined where there is none, or none that can be read: then the exporter starts at the oldest record. */
export function readCursor(path: string): Position | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return position.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * Survives kill -9. Only with `sync` also a power cut: without, records may then come twice, never fewer.
 */
export async function writeCursor(path: string, at: Position, { sync }: { sync: boolean }): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(at));
    if (sync) await file.datasync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  if (sync) await syncFolder(dirname(path));
}
