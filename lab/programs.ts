/** The lab's C programs: where they are, and building them when a source is newer than the program. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const buildFolder = join(folder, '..', 'build', 'lab');

const programs = ['actor', 'brief', 'churn', 'held', 'spare'] as const;

export type Program = (typeof programs)[number];

export function programPath(program: Program): string {
  return join(buildFolder, program);
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** One program, made beside its place and then moved there, so that no one ever starts half of it. */
function compile(program: Program): void {
  const source = join(folder, `${program}.c`);
  const made = `${programPath(program)}.${process.pid}`;
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', made, source], { stdio: 'inherit' });
  renameSync(made, programPath(program));
}

/**
 * Compiles what is missing or older than any C source here. A machine without a compiler must bring the
 * programs along; the age of those it brought says nothing.
 */
export function buildPrograms(): void {
  const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  const newest = Math.max(...sources.map((name) => changedAt(join(folder, name))));
  mkdirSync(buildFolder, { recursive: true });
  for (const program of programs) {
    const age = changedAt(programPath(program));
    if (age > newest) continue;
    try {
      compile(program);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || age === 0) throw error;
    }
  }
}
