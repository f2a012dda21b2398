/**
 * The tools that read the whole tree. They run beside each other: two cores, three programs of one thread
 * each.
 */
import { execFile } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');
const outputBytesMax = 64 * 1024 * 1024;

// A tool's output says where; this file's stack does not.
Error.stackTraceLimit = 0;

interface Result {
  readonly ok: boolean;
  readonly output: string;
}

/** Undefined when the program is not there. */
function run(program: string, args: readonly string[]): Promise<Result | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, maxBuffer: outputBytesMax }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      resolve(error?.code === 'ENOENT' ? undefined : { ok: error === null, output });
    });
  });
}

function report(result: Result | undefined): void {
  if (result?.ok !== true) throw new Error(`\n${result?.output ?? 'not found'}`);
}

async function passes(script: string, ...args: readonly string[]): Promise<void> {
  const result = await run(process.execPath, [join(root, 'node_modules', script), ...args]);
  report(result);
}

const cache = join(root, 'node_modules', '.cache');

describe('tools', { concurrency: true }, () => {
  test('eslint', () =>
    passes(
      'eslint/bin/eslint.js',
      '--max-warnings=0',
      '--cache',
      '--cache-location',
      join(cache, 'eslint'),
      '.',
    ));

  test('tsc', () => passes('typescript/bin/tsc', '--noEmit', '--pretty', 'false'));

  // The page has the browser's names and not all of Node's rules.
  test('tsc of the page', () => passes('typescript/bin/tsc', '-p', 'web', '--pretty', 'false'));

  test('prettier', () => passes('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'));

  test('shellcheck', async (t) => {
    const places = ['scripts/*', '.ci/run', 'bench/run', 'bin/*', '{lab,deploy}/**/*.sh', 'packaging/*/p*'];
    const candidates = globSync(places, { cwd: root }).filter((path) => statSync(join(root, path)).isFile());
    const isShell = (path: string): boolean =>
      /^#!.*\b(bash|sh)\b/.test(readFileSync(join(root, path), 'utf8'));
    const result = await run('shellcheck', candidates.filter(isShell));
    if (result === undefined) t.skip('shellcheck is not installed');
    else report(result);
  });
});
