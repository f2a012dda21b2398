import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { Owner } from '../../model/observation.ts';
import { tellingPath } from './cgroup-path.ts';
import { hierarchiesOf, openCgroups } from './cgroups.ts';
import { startTicks } from './running.ts';

const nowhere: Owner = {
  id: 1,
  usedInWindow: 0,
  name: 'node',
  uid: 0,
  cgroupId: 1n,
  exeInode: 1,
  exeDevice: 0,
  pid: 0,
  pidStartedNs: 0,
  kernelPath: undefined,
};

function running(cgroupId: bigint): Owner {
  const { pid } = process;
  return { ...nowhere, cgroupId, pid, pidStartedNs: (startTicks(pid) + 0.5) * 1e7 };
}

/** Folders stand for groups: their inode is their number. */
function hierarchy(t: TestContext, ...groups: string[]) {
  const mount = mkdtempSync(join(tmpdir(), 'sonde-cgroups-'));
  t.after(() => {
    rmSync(mount, { recursive: true });
  });
  for (const group of groups) mkdirSync(join(mount, group), { recursive: true });
  const id = (group: string) => statSync(join(mount, group), { bigint: true }).ino;
  const gone = (group: string): Owner => ({ ...nowhere, cgroupId: id(group) });
  return { mount, id, gone };
}

/** A millisecond passes with each look at it. */
function ticking() {
  let ns = 0n;
  return { monotonicNs: () => (ns += 1_000_000n), pass: (ms: number) => (ns += BigInt(ms) * 1_000_000n) };
}

const own = readFileSync('/proc/self/cgroup', 'utf8');

describe('a process that is gone', () => {
  test('by the number of its group, once somebody has looked', (t) => {
    const { mount, gone } = hierarchy(t, 'system.slice/a.service/worker', 'b');
    const cgroups = openCgroups(ticking(), { unified: mount, version1: true });
    const owner = gone('system.slice/a.service/worker');
    assert.equal(cgroups.pathOf(owner), undefined);
    assert.ok(cgroups.look());
    assert.equal(cgroups.pathOf(owner), '/system.slice/a.service/worker');
    assert.equal(cgroups.pathOf(gone('b')), '/b');
  });

  test('also when its group has vanished since; not when it had before', (t) => {
    const { mount, gone } = hierarchy(t, 'seen', 'missed');
    const [seen, missed] = [gone('seen'), gone('missed')];
    rmSync(join(mount, 'missed'), { recursive: true });
    const cgroups = openCgroups(ticking(), { unified: mount, version1: false });
    assert.ok(cgroups.look());
    rmSync(join(mount, 'seen'), { recursive: true });
    assert.equal(cgroups.pathOf(seen), '/seen');
    assert.equal(cgroups.pathOf(missed), undefined);
  });

  test('in the root: said so only where nothing else could tell', (t) => {
    const { mount, gone } = hierarchy(t);
    for (const [version1, path] of [
      [false, '/'],
      [true, undefined],
    ] as const)
      assert.equal(openCgroups(ticking(), { unified: mount, version1 }).pathOf(gone('.')), path);
  });

  test('in the group of a runtime: nor then', (t) => {
    const { mount, gone } = hierarchy(t, 'system.slice/containerd.service', 'system.slice/a.service');
    for (const [version1, path] of [
      [false, '/system.slice/containerd.service'],
      [true, undefined],
    ] as const) {
      const cgroups = openCgroups(ticking(), { unified: mount, version1 });
      assert.ok(cgroups.look());
      assert.equal(cgroups.pathOf(gone('system.slice/containerd.service')), path);
      assert.equal(cgroups.pathOf(gone('system.slice/a.service')), '/system.slice/a.service');
    }
  });

  test('without a group', (t) => {
    const { mount } = hierarchy(t);
    const cgroups = openCgroups(ticking(), { unified: mount, version1: false });
    assert.equal(cgroups.pathOf({ ...nowhere, cgroupId: 0n }), undefined);
    assert.equal(cgroups.pathOf({ ...running(0n) }), undefined);
  });
});

describe('a process that runs', () => {
  test('is asked where the number says nothing', (t) => {
    const { mount, id } = hierarchy(t);
    const cgroups = openCgroups(ticking(), { unified: mount, version1: true });
    assert.equal(cgroups.pathOf(running(id('.'))), tellingPath(own));
    assert.equal(openCgroups(ticking(), hierarchiesOf('')).pathOf(running(1n)), tellingPath(own));
  });

  test('tells the path of its number for those that are gone', (t) => {
    const { mount, id, gone } = hierarchy(t, 'a.service');
    const cgroups = openCgroups(ticking(), { unified: mount, version1: true }, ({ pid }) =>
      pid === process.pid ? '4:memory:/x\n0::/a.service\n' : undefined,
    );
    assert.equal(cgroups.pathOf(running(id('a.service'))), '/a.service');
    assert.equal(cgroups.pathOf(gone('a.service')), '/a.service');
  });

  test('is believed where its group lies outside of the namespace of ours', (t) => {
    const { mount, id } = hierarchy(t, 'inside');
    const path = '/../../system.slice/a.service';
    const cgroups = openCgroups(ticking(), { unified: mount, version1: false }, () => `0::${path}\n`);
    assert.equal(cgroups.pathOf({ ...running(id('inside')), cgroupId: 4711n }), path);
  });

  test('and is in another group by now: where it was met', (t) => {
    const { mount, id } = hierarchy(t, 'before');
    const cgroups = openCgroups(ticking(), { unified: mount, version1: false });
    assert.equal(cgroups.pathOf(running(id('before'))), undefined);
    assert.ok(cgroups.look());
    assert.equal(cgroups.pathOf(running(id('before'))), '/before');
  });

  test('another that has the pid by now is not asked', (t) => {
    const { mount, id } = hierarchy(t);
    const cgroups = openCgroups(ticking(), { unified: mount, version1: true });
    assert.equal(cgroups.pathOf({ ...running(id('.')), pidStartedNs: 5e7 }), undefined);
    const ended = spawnSync('/bin/true').pid;
    assert.equal(cgroups.pathOf({ ...running(id('.')), pid: ended }), undefined);
  });
});

test('looks take a hundredth of the time at most', (t) => {
  const { mount } = hierarchy(t);
  const clock = ticking();
  const cgroups = openCgroups(clock, { unified: mount, version1: false });
  assert.ok(cgroups.look());
  clock.pass(90);
  assert.equal(cgroups.look(), false);
  clock.pass(10);
  assert.ok(cgroups.look());
});

test('hierarchies, from the mount table', () => {
  const line = (type: string, point: string, root = '/') =>
    `40 31 0:37 ${root} ${point} rw,relatime shared:9 - ${type} ${type} rw,name=systemd`;
  assert.deepEqual(hierarchiesOf(line('cgroup2', '/sys/fs/cgroup')), {
    unified: '/sys/fs/cgroup',
    version1: false,
  });
  const hybrid = [
    line('cgroup', '/sys/fs/cgroup/cpu'),
    line('cgroup2', '/in/a/container', '/docker/1'),
    line('cgroup2', '/sys/fs/cgroup/unified'),
  ].join('\n');
  assert.deepEqual(hierarchiesOf(hybrid), { unified: '/sys/fs/cgroup/unified', version1: true });
  assert.deepEqual(hierarchiesOf(line('cgroup', '/sys/fs/cgroup/cpu')), {
    unified: undefined,
    version1: true,
  });
});
