import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { takeLock } from './lock.ts';

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-lock-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

describe('a lock', () => {
  test('is one process’s, on a file as on a folder, until it lets go', (t) => {
    const folder = place(t);
    const file = join(folder, 'lock');
    writeFileSync(file, '');
    for (const path of [folder, file]) {
      const first = takeLock(path);
      assert.ok(first);
      assert.equal(takeLock(path), undefined);
      first[Symbol.dispose]();
      using second = takeLock(path);
      assert.ok(second);
    }
  });

  test('is on what is there: one that was removed holds nobody up', (t) => {
    const folder = join(place(t), 'inner');
    const again = (): void => writeFileSync(folder, '');
    again();
    using first = takeLock(folder);
    assert.ok(first);
    rmSync(folder);
    again();
    using second = takeLock(folder);
    assert.ok(second);
  });

  test('goes with a process that is killed', async (t) => {
    const folder = place(t);
    const script = `import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
      console.log(takeLock(${JSON.stringify(folder)}) ? 'held' : 'taken'); setInterval(() => 0, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(said.toString(), 'held\n');
    assert.equal(takeLock(folder), undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    using mine = takeLock(folder);
    assert.ok(mine);
  });

  test('needs something to lock', (t) => {
    const folder = place(t);
    rmdirSync(folder);
    assert.throws(() => takeLock(folder), { code: 'ENOENT' });
  });
});
