import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolders } from './folders.ts';

test('folders are made down to the last, and a file system that refuses is an error', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'sonde-folders-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (let times = 0; times < 2; times++) makeFolders(join(root, 'a/b/c'), 0o700);
  assert.equal(statSync(join(root, 'a/b/c')).mode & 0o777, 0o700);
  assert.throws(() => makeFolders('/proc/none/data', 0o700), { code: 'ENOENT' });
});
