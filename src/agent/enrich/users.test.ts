import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openUsers, usersMax } from './users.ts';

function passwd(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-users-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'passwd');
  writeFileSync(file, text);
  return file;
}

test('names by number; the first of two, none for lines that are no users', (t) => {
  const file = passwd(t, 'root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n+::::::\nodd:x:seven:7\nweb:x:33:33');
  const users = openUsers(file);
  assert.deepEqual(
    [0, 33, 7, Number.NaN].map((uid) => users.name(uid)),
    ['root', 'web', undefined, undefined],
  );
});

test('a file that changes, or that another takes the place of, is read again', (t) => {
  const file = passwd(t, 'a:x:1:1::/:\n');
  const users = openUsers(file);
  assert.equal(users.refresh(), false);
  writeFileSync(`${file}+`, 'b:x:1:1::/:\n');
  renameSync(`${file}+`, file);
  assert.equal(users.refresh(), true);
  assert.equal(users.name(1), 'b');
  assert.equal(users.refresh(), false);
  rmSync(file);
  assert.equal(users.refresh(), true);
  assert.equal(users.name(1), undefined);
});

test('so many, and no more', (t) => {
  const lines = Array.from({ length: usersMax + 1 }, (_, uid) => `u${String(uid)}:x:${String(uid)}:1::/:`);
  const users = openUsers(passwd(t, lines.join('\n')));
  assert.equal(users.name(usersMax - 1), `u${String(usersMax - 1)}`);
  assert.equal(users.name(usersMax), undefined);
});
