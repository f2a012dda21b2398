import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { owner, ownerTable, parts, self } from '../../../test/owner-table.ts';
import type { Owner } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import { openOwners, ownerLimits } from './owners.ts';

function open(...owners: readonly Owner[]) {
  return openOwners(ownerTable(...owners), parts());
}

function labels(change: Partial<Owner>): ProcessLabels {
  return open(owner(change)).labels(1);
}

/** A pid that was somebody's. */
function endedPid(): number {
  return spawnSync('/bin/true').pid;
}

/** A process that runs a copy of sleep; gone with the test. */
async function sleeper(t: TestContext): Promise<{ child: ChildProcess; exe: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-owners-'));
  const exe = join(folder, 'slumber');
  copyFileSync('/bin/sleep', exe);
  const child = spawn(exe, ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return { child, exe };
}

describe('labels', () => {
  test('a process that runs: its executable as it names it itself', () => {
    assert.deepEqual(labels({}), {
      'process.name': 'node',
      'process.executable.path': readlinkSync(self),
      'user.id': 7,
    });
  });

  test('a process that is gone keeps the path that the kernel copied', () => {
    const path = labels({ pid: endedPid(), kernelPath: ['usr', 'bin', 'curl'] })['process.executable.path'];
    assert.equal(path, '/usr/bin/curl');
  });

  test('that path is one of its file system: where it is mounted comes before it', () => {
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((l) => l.includes(' / /proc '));
    const [major, minor] = (line?.split(' ')[2] ?? '').split(':').map(Number);
    const exeDevice = ((major! << 20) | minor!) >>> 0;
    const path = labels({ pid: endedPid(), kernelPath: ['x', 'y'], exeDevice })['process.executable.path'];
    assert.equal(path, '/proc/x/y');
  });

  test('a pid that runs something else by now is not asked', () => {
    assert.equal(labels({ exeInode: 1, kernelPath: ['bin', 'old'] })['process.executable.path'], '/bin/old');
  });

  test('nor a later process of that pid, though it runs the same', () => {
    const path = labels({ pidStartedNs: 5e7, kernelPath: ['bin', 'old'] })['process.executable.path'];
    assert.equal(path, '/bin/old');
  });

  test('names that the kernel could not keep are found by their length and the inode', (t) => {
    const folder = mkdtempSync('/tmp/sonde-owners-');
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const [long, other] = ['l'.repeat(60), 'o'.repeat(60)];
    for (const name of [long, other]) mkdirSync(join(folder, name, 'bin'), { recursive: true });
    const exe = join(folder, long, 'bin', long);
    for (const path of [exe, join(folder, other, 'bin', other)]) copyFileSync('/bin/true', path);
    const { ino: exeInode, dev } = statSync(exe);
    const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00); // as glibc's makedev
    const exeDevice = ((((dev >>> 8) & 0xfff) << 20) | minor) >>> 0;
    const mount = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .some((line) => line.split(' ')[4] === '/tmp');
    const from = mount ? folder.split('/').slice(2) : folder.split('/').slice(1);
    const pathOf = (change: Partial<Owner>) =>
      labels({ pid: endedPid(), exeInode, exeDevice, ...change })['process.executable.path'];
    assert.equal(pathOf({ kernelPath: [...from, 60, 'bin', 60] }), exe);
    assert.equal(pathOf({ kernelPath: [...from, 59, 'bin', 60] }), undefined);
    assert.equal(pathOf({ kernelPath: [...from, 60, 'bin', 60], exeInode: 1 }), undefined);
  });

  test('an executable that was deleted keeps its name', async (t) => {
    const { child, exe } = await sleeper(t);
    const { ino } = statSync(exe);
    rmSync(exe);
    const path = labels({ pid: child.pid!, exeInode: ino })['process.executable.path'];
    assert.equal(path, exe);
  });

  test('without a name, the executable\u2019s', () => {
    const pid = endedPid();
    assert.equal(labels({ name: '', pid, kernelPath: ['usr', 'bin', 'curl'] })['process.name'], 'curl');
    assert.equal(labels({ name: '', pid })['process.name'], 'unknown');
  });

  test('a name that a runtime gives to every program says less than the executable', () => {
    assert.equal(labels({ name: 'MainThread' })['process.name'], 'node');
    const pid = endedPid();
    assert.equal(labels({ name: 'MainThread', pid })['process.name'], 'MainThread');
  });

  test('a kernel thread has no executable', () => {
    assert.deepEqual(labels({ name: 'kernel', exeInode: 0, uid: 0, kernelPath: ['never'] }), {
      'process.name': 'kernel',
      'user.id': 0,
    });
  });

  test('nobody known is unknown', () => {
    const owners = open();
    assert.deepEqual(owners.labels(0), { 'process.name': 'unknown' });
    assert.deepEqual(owners.labels(5), { 'process.name': 'unknown' });
  });
});

describe('refresh', () => {
  test('looks up what is new, once, while its process may still be there', async (t) => {
    const { child, exe } = await sleeper(t);
    const table = ownerTable();
    const owners = openOwners(table, parts());
    owners.refresh();
    assert.deepEqual(table.reads, []);

    table.owners.set(1, owner({ name: 'slumber', pid: child.pid!, exeInode: statSync(exe).ino }));
    owners.refresh();
    owners.refresh();
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(owners.labels(1)['process.executable.path'], exe);
    assert.deepEqual(table.reads, [1]);
  });

  test('one that the kernel is still writing is looked up again, also behind a later one', () => {
    const table = ownerTable(owner({ id: 2, name: 'second' }));
    table.owners.set(1, undefined);
    const owners = openOwners(table, parts());
    owners.refresh();
    assert.equal(owners.labels(1)['process.name'], 'unknown');
    table.owners.set(1, owner({ name: 'first' }));
    owners.refresh();
    assert.equal(owners.labels(1)['process.name'], 'first');
    assert.equal(owners.labels(2)['process.name'], 'second');
  });
});

describe('recycle', () => {
  const used = (id: number, usedInWindow: number) => owner({ id, usedInWindow, name: `n${String(id)}` });

  test('not while there is room', async () => {
    const table = ownerTable(used(1, 0));
    await openOwners(table, parts()).recycle(100);
    assert.deepEqual(table.retired, []);
  });

  test('takes back those longest unused, as many as are lacking', async () => {
    const table = ownerTable(used(1, 5), used(2, 3), used(3, 4), used(4, 6));
    table.lacking = 2;
    await openOwners(table, parts()).recycle(9);
    assert.deepEqual(table.retired, [2, 3]);
  });

  test('none that the last window or its sweep knew', async () => {
    const table = ownerTable(used(1, 9), used(2, 8), used(3, 7));
    table.lacking = 3;
    await openOwners(table, parts()).recycle(9);
    assert.deepEqual(table.retired, [3]);
  });

  test('a number that was taken back means who it meant, also to the next one at its place', async () => {
    const table = ownerTable(used(1, 0));
    table.lacking = 1;
    const owners = openOwners(table, parts());
    await owners.recycle(9);
    table.owners.set(65_537, owner({ id: 65_537, name: 'next' }));
    owners.refresh();
    assert.equal(owners.labels(1)['process.name'], 'n1');
    assert.equal(owners.labels(65_537)['process.name'], 'next');
  });

  test('for so many; then they are nobody', async () => {
    const table = ownerTable();
    const owners = openOwners(table, parts());
    for (let id = 1; id <= ownerLimits.retiredMax + 1; id++) table.owners.set(id, owner({ id, exeInode: 0 }));
    table.lacking = table.owners.size;
    await owners.recycle(9);
    assert.equal(owners.labels(1)['process.name'], 'unknown');
    assert.equal(owners.labels(2)['process.name'], 'node');
  });
});
