import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOperatorError } from './errors.ts';
import { requireTrusted } from './trusted.ts';

function refusal(path: string, owners?: ReadonlySet<number>): string {
  try {
    requireTrusted(path, owners);
    return 'none';
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    assert.equal(error.code, 'config.untrusted');
    return error.message;
  }
}

test('what others can write, or replace, is not relied on', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-trusted-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'questions/one/ask.sql');
  mkdirSync(join(folder, 'questions/one'), { recursive: true, mode: 0o755 });
  writeFileSync(file, '', { mode: 0o644 });
  const link = join(folder, 'link');
  symlinkSync(file, link);
  const all = [file, link, join(folder, 'questions')];
  const told = () => all.map((path) => refusal(path));
  const says = (path: string, mode: string) =>
    `${path} is not to be relied on: others may write it, its mode is ${mode}`;
  assert.deepEqual(told(), ['none', 'none', 'none']);

  for (const [path, mode] of [
    [file, 0o664],
    [file, 0o646],
    [join(folder, 'questions/one'), 0o775],
  ] as const) {
    chmodSync(path, mode);
    const problem = says(path, mode.toString(8));
    assert.deepEqual(told(), [problem, problem, problem]);
    chmodSync(path, path === file ? 0o644 : 0o755);
  }
  chmodSync(folder, 0o777);
  assert.deepEqual(new Set(told()), new Set([says(folder, '777')]));
  chmodSync(folder, 0o1777); // as /tmp
  assert.deepEqual(told(), ['none', 'none', 'none']);
});

test('what belongs to others is not relied on', () => {
  assert.match(refusal(import.meta.filename, new Set([4_000_000])), /it belongs to user \d+$/);
  assert.equal(refusal(join(import.meta.dirname, 'no-such-file')), 'none');
});
