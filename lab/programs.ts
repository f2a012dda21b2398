/** The lab's C programs: where they are, and building them when a source is newer than the program. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const buildFolder = join(folder, '..', 'build', 'lab');

export type Program = 'actor' | 'churn';

export function programPath(program: Program): string {
  return join(buildFolder, program);
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/**
 * Compiles what is missing or older than any C source here. A machine without a compiler must bring the
 * programs along.
 */
export function buildPrograms(): void {
  const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  const newest = Math.max(...sources.map((name) => changedAt(join(folder, name))));
  mkdirSync(buildFolder, { recursive: true });
  for (const program of ['actor', 'churn'] as const) {
    if (changedAt(programPath(program)) > newest) continue;
    const source = join(folder, `${program}.c`);
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', programPath(program), source], {
      stdio: 'inherit',
    });
  }
}
