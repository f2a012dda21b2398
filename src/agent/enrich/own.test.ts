import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Owner } from '../../model/observation.ts';
import { findOwnProcesses, isOwn } from './own.ts';
import { subjectLabels, subjectOf } from './subject.ts';

const ours: Owner = {
  id: 1,
  usedInWindow: 0,
  name: 'sonde-agent',
  uid: 0,
  cgroupId: 1n,
  exeInode: statSync(process.execPath).ino,
  exeDevice: 0,
  pid: 1,
  pidStartedNs: 0,
  kernelPath: undefined,
};

test('ours by name, executable and user together; one of them is not enough', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-own-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const passwd = join(folder, 'passwd');
  writeFileSync(
    passwd,
    'root:x:0:0::/root:/bin/sh\nsondeling:x:7:7::/:/bin/sh\nsonde:x:4711:4711::/:/bin/false\n',
  );
  const own = findOwnProcesses(passwd);
  assert.ok(isOwn(ours, own));
  assert.ok(isOwn({ ...ours, name: 'sonde-hub', uid: 4711 }, own));
  for (const other of [{ name: 'node' }, { uid: 7 }, { exeInode: statSync('/bin/sh').ino }, { exeInode: 0 }])
    assert.ok(!isOwn({ ...ours, ...other }, own), JSON.stringify(other));
});

test('without a user sonde nobody passes for it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-own-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, 'passwd'), 'root:x:0:0::/root:/bin/sh\n');
  assert.ok(!isOwn({ ...ours, uid: 4711 }, findOwnProcesses(join(folder, 'passwd'))));
});

test('its records say so', () => {
  const own = findOwnProcesses();
  const workload = (owner: Owner, cgroup: string) =>
    subjectLabels(subjectOf(owner, own, cgroup), {
      user: undefined,
      container: undefined,
      pod: undefined,
      missing: [],
    })['workload.name'];
  assert.equal(workload(ours, '/system.slice/sonde-agent.service'), 'sonde');
  assert.equal(workload({ ...ours, name: 'curl' }, '/'), undefined);
});
