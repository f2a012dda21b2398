/** SQL is source: one statement a file, read once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The text of sql/`name`.sql. */
export function statement(name: string): string {
  return readFileSync(join(import.meta.dirname, 'sql', `${name}.sql`), 'utf8');
}
