/** Which ClickHouse wrote the data last: a later one reads them, an earlier one is not to try. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../../lib/errors.ts';
import { isOlder, parseRelease } from './program.ts';
import type { Release } from './program.ts';

export function keepVersionNote(folder: string, release: Release): void {
  const file = join(folder, 'clickhouse-version');
  const text = `${release.major}.${release.minor}`;
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : text;
  const before = parseRelease(found);
  if (before !== undefined && isOlder(release, before)) {
    throw new OperatorError('engine.newer_data', { folder, found, release: text });
  }
  writeFileSync(file, `${text}\n`);
}
