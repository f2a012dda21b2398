import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { Owner } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import { ownershipSchema } from './config.ts';
import { findOwnProcesses } from './own.ts';
import { openOwners, ownerLimits, type OwnerParts, type OwnerSource } from './owners.ts';

const self = '/proc/self/exe';

/** Of a process; 0 of one that is gone. In the middle of the hundredth of a second that the kernel tells. */
function startedNs(pid: number): number {
  if (!existsSync(`/proc/${String(pid)}/stat`)) return 0;
  const [, , , ...fields] = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/\(.*\)/s, '()')
    .split(' ');
  return (Number(fields[18]) + 0.5) * 1e7;
}

function owner(change: Partial<Owner>): Owner {
  return {
    id: 1,
    usedInWindow: 0,
    name: 'node',
    uid: 7,
    cgroupId: 1n,
    exeInode: statSync(self).ino,
    exeDevice: 0,
    pid: process.pid,
    pidStartedNs: startedNs(change.pid ?? process.pid),
    kernelPath: undefined,
    ...change,
  };
}

/** The kernel's table, set by the test; undefined: being written. */
class Table implements OwnerSource {
  readonly owners = new Map<number, Owner | undefined>();
  readonly reads: number[] = [];
  readonly retired: number[] = [];
  lacking = 0;
  readonly #met = new Set<number>();
  readonly numbers: OwnerSource['numbers'] = {
    met: () => {
      const whole = this.numbers.known().filter((id) => !this.#met.has(id));
      for (const id of whole) this.#met.add(id);
      return whole;
    },
    known: () => [...this.owners].filter(([, known]) => known).map(([id]) => id),
    lacking: () => this.lacking,
    mend: () => Promise.resolve(),
    retire: (ids) => {
      this.retired.push(...ids);
      for (const id of ids) this.owners.delete(id);
      return Promise.resolve();
    },
  };

  constructor(...owners: readonly Owner[]) {
    for (const one of owners) this.owners.set(one.id, one);
  }

  read(id: number): Owner | undefined {
    this.reads.push(id);
    return this.owners.get(id);
  }
}

/** Nobody has a name or a group, but for those that a test gives. */
function parts(change: Partial<OwnerParts> = {}): OwnerParts {
  return {
    own: findOwnProcesses(),
    users: { name: () => undefined, refresh: () => false },
    cgroups: { pathOf: () => undefined, look: () => false },
    rules: [],
    commandLine: () => undefined,
    ...change,
  };
}

function open(...owners: readonly Owner[]) {
  return openOwners(new Table(...owners), parts());
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
    const table = new Table();
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
    const table = new Table(owner({ id: 2, name: 'second' }));
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
    const table = new Table(used(1, 0));
    await openOwners(table, parts()).recycle(100);
    assert.deepEqual(table.retired, []);
  });

  test('takes back those longest unused, as many as are lacking', async () => {
    const table = new Table(used(1, 5), used(2, 3), used(3, 4), used(4, 6));
    table.lacking = 2;
    await openOwners(table, parts()).recycle(9);
    assert.deepEqual(table.retired, [2, 3]);
  });

  test('none that the last window or its sweep knew', async () => {
    const table = new Table(used(1, 9), used(2, 8), used(3, 7));
    table.lacking = 3;
    await openOwners(table, parts()).recycle(9);
    assert.deepEqual(table.retired, [3]);
  });

  test('a number that was taken back means who it meant, also to the next one at its place', async () => {
    const table = new Table(used(1, 0));
    table.lacking = 1;
    const owners = openOwners(table, parts());
    await owners.recycle(9);
    table.owners.set(65_537, owner({ id: 65_537, name: 'next' }));
    owners.refresh();
    assert.equal(owners.labels(1)['process.name'], 'n1');
    assert.equal(owners.labels(65_537)['process.name'], 'next');
  });

  test('for so many; then they are nobody', async () => {
    const table = new Table();
    const owners = openOwners(table, parts());
    for (let id = 1; id <= ownerLimits.retiredMax + 1; id++) table.owners.set(id, owner({ id, exeInode: 0 }));
    table.lacking = table.owners.size;
    await owners.recycle(9);
    assert.equal(owners.labels(1)['process.name'], 'unknown');
    assert.equal(owners.labels(2)['process.name'], 'node');
  });
});

describe('where it runs', () => {
  const container = 'b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2';
  const at = (cgroup: string | undefined, change: Partial<Owner> = {}) => {
    const users = { name: (uid: number) => `user${String(uid)}`, refresh: () => false };
    const cgroups = { pathOf: () => cgroup, look: () => false };
    const table = new Table(owner({ exeInode: 0, name: 'web', ...change }));
    return openOwners(table, parts({ users, cgroups })).labels(1);
  };
  const web = { 'process.name': 'web', 'user.id': 7, 'user.name': 'user7' };

  test('a unit names the workload', () =>
    assert.deepEqual(at('/system.slice/nginx.service'), {
      ...web,
      'workload.name': 'nginx.service',
      'workload.kind': 'systemd_unit',
      'systemd.unit': 'nginx.service',
    }));

  test('a login does not', () =>
    assert.deepEqual(at('/user.slice/user-7.slice/session-3.scope'), {
      ...web,
      'workload.kind': 'user_session',
      'systemd.unit': 'session-*.scope',
    }));

  test('a container has users of its own, but for root', () => {
    const labels = { 'workload.kind': 'container', 'container.id': container, 'container.runtime': 'docker' };
    assert.deepEqual(at(`/docker/${container}`), { 'process.name': 'web', 'user.id': 7, ...labels });
    assert.equal(at(`/docker/${container}`, { uid: 0 })['user.name'], 'user0');
  });

  test('a pod', () => {
    const uid = '72f7f152-440c-66ac-9084-e0fc1d8a910c';
    assert.deepEqual(at(`/kubepods/burstable/pod${uid}/${container}`), {
      'process.name': 'web',
      'user.id': 7,
      'workload.kind': 'pod',
      'container.id': container,
      'k8s.pod.uid': uid,
      'k8s.pod.qos': 'burstable',
    });
  });

  test('somebody\u2019s own group, the root, and one that is not known', () => {
    assert.deepEqual(at('/jobs/17'), { ...web, 'workload.kind': 'host_process', 'cgroup.path': '/jobs/17' });
    assert.deepEqual(at('/'), { ...web, 'workload.kind': 'host_process' });
    assert.deepEqual(at(undefined), web);
  });

  test('one met without its group is looked for, once there is a look', () => {
    const table = new Table(owner({ id: 1, exeInode: 0 }), owner({ id: 2, exeInode: 0, cgroupId: 2n }));
    const seen = { looks: 0, due: false };
    const cgroups = {
      pathOf: ({ cgroupId }: Owner) => (seen.looks > 0 && cgroupId === 2n ? '/a.service' : undefined),
      look: () => seen.due && ++seen.looks > 0,
    };
    const owners = openOwners(table, parts({ cgroups }));
    const kinds = () => [1, 2].map((id) => owners.labels(id)['workload.kind']);
    owners.refresh();
    assert.deepEqual(kinds(), [undefined, undefined]);
    seen.due = true;
    owners.refresh();
    assert.deepEqual(kinds(), [undefined, 'systemd_unit']);
    owners.refresh();
    assert.equal(seen.looks, 1, 'what a look did not find is gone');
  });

  test('a user that gets another name has it from the next window on', async () => {
    const users = { names: 'old', changed: false, name: () => users.names, refresh: () => users.changed };
    const table = new Table(owner({}));
    const owners = openOwners(table, parts({ users }));
    assert.equal(owners.labels(1)['user.name'], 'old');
    Object.assign(users, { names: 'new', changed: true });
    await owners.recycle(9);
    assert.equal(owners.labels(1)['user.name'], 'new');
    assert.deepEqual(table.reads, [1]);
  });
});

describe('rules', () => {
  const rules = ownershipSchema.parse([
    { id: 'admin', match: { port: 9000 }, name: 'admin', environment: 'internal' },
    { id: 'web', match: { process: 'web' }, name: 'shop' },
  ]);

  test('by the port that it serves, else for all of it; the same labels each time', () => {
    const owners = openOwners(new Table(owner({ name: 'web' })), parts({ rules }));
    const named = (port?: number) => {
      const { 'workload.name': name, 'workload.rule': rule, environment } = owners.labels(1, port);
      return [name, rule, environment];
    };
    assert.deepEqual(named(9000), ['admin', 'admin', 'internal']);
    assert.deepEqual(named(80), ['shop', 'web', undefined]);
    assert.deepEqual(named(), ['shop', 'web', undefined]);
    for (const port of [9000, 80]) assert.equal(owners.labels(1, port), owners.labels(1, port));
  });

  test('nobody known has none', () => {
    const owners = openOwners(new Table(), parts({ rules }));
    assert.deepEqual(owners.labels(5, 9000), { 'process.name': 'unknown' });
  });
});
