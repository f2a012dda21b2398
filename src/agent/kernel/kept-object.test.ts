import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { objectDigest } from './generation.ts';
import { keptObjects } from './kept-object.ts';

test('the newest object is kept, known by what is in it; where it cannot be, that is said', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-kept-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const said: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => void said.push(line) };
  const object = (name: string): string => {
    writeFileSync(join(folder, name), name);
    return join(folder, name);
  };
  const kept = keptObjects(join(folder, 'state'), log);
  const [first, second] = [object('first'), object('second')];
  kept.keep(first);
  kept.keep(first);
  assert.ok(kept.of(objectDigest(first)));
  kept.keep(second);
  assert.equal(kept.of(objectDigest(first)), undefined);
  const path = kept.of(objectDigest(second)) ?? '';
  assert.deepEqual(readdirSync(join(folder, 'state/programs')).length, 1);
  writeFileSync(path, 'something else');
  assert.equal(kept.of(objectDigest(second)), undefined, 'it is not what its name says');
  assert.deepEqual(said, []);
  keptObjects(join(first, 'no folder'), log).keep(second);
  assert.equal(said.length, 1);
  assert.match(String(said[0]), /^another build could not read these counts: ENOTDIR/);
});
