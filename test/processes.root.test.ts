/** Processes that are gone before anybody can look them up, and pids that are given again. */

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { programPath } from '../lab/programs.ts';
import { Stage } from '../lab/stage.ts';
import { eventually, startRig } from './rig.ts';

const nowhere = ['127.0.0.1', '9'] as const;

test('one that lived for a moment keeps name, executable, user and parent', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const starter = await at.actor('starter');
  await starter.user(4711);
  assert.equal((await starter.run([programPath('brief'), ...nowhere])).status, 0);
  assert.ok(await eventually(() => rig.connections.length === 1, 5000));
  await rig.stop();
  const [told] = rig.connections;
  assert.ok(told);
  assert.deepEqual(
    {
      name: told['process.name'],
      path: told['process.executable.path'],
      user: told['user.id'],
      parent: [told['process.parent.pid'], told['process.parent.name']],
      attribution: told.attribution,
      state: told['connection.state'],
    },
    {
      name: 'brief',
      path: programPath('brief'),
      user: 4711,
      parent: [starter.pid, 'starter'],
      attribution: 'exact',
      state: 'refused',
    },
  );
  const [flow] = rig.flows().filter((row) => row['connections.ended'] === 1);
  assert.equal(flow?.['process.executable.path'], programPath('brief'));
});

test('its executable is named though a folder’s name is too long for the kernel to keep', async (t) => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const folder = mkdtempSync(join(tmpdir(), `sonde-${'long-'.repeat(12)}`));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const exe = join(folder, 'fleeting');
  copyFileSync(programPath('brief'), exe);
  await using rig = await startRig({ namespaces: [at.path] });
  assert.equal((await (await at.actor('starter')).run([exe, ...nowhere])).status, 0);
  assert.ok(await eventually(() => rig.connections.length === 1, 5000));
  await rig.stop();
  assert.equal(rig.connections[0]?.['process.executable.path'], exe);
});

test('two processes of one pid are two', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const starter = await at.actor('starter');
  const names = ['first', 'second', 'third'];
  const { status, text } = await starter.run([programPath('brief'), ...nowhere, ...names]);
  assert.equal(status, 0, text);
  assert.ok(await eventually(() => rig.connections.length === names.length, 5000));
  await rig.stop();
  assert.deepEqual(
    rig.connections.map((told) => [told['process.name'], told['process.pid'], told['process.parent.name']]),
    names.map((name) => [name, Number(text), 'brief']),
  );
  const starts = rig.connections.map((told) => told['process.start']);
  assert.equal(new Set(starts).size, names.length, 'by their start they are told apart');
  assert.deepEqual(starts, starts.toSorted());
});
