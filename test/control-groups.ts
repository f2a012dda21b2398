/** Control groups that a test makes for real, by the names that runtimes give them, and processes in them. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Actor } from '../lab/actor.ts';
import { programPath } from '../lab/programs.ts';
import { hierarchiesOf } from '../src/agent/enrich/cgroups.ts';
import { eventually } from './rig.ts';

const patienceMs = 30_000;
/** Made so far. */
let groups = 0;
const mounts = readFileSync('/proc/self/mountinfo', 'utf8');

/** A hierarchy that this machine has not mounted is, as long as this process lives: its groups go before it. */
function mounted(...options: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-cgroup-'));
  execFileSync('mount', [...options, 'sonde-test', folder]);
  process.once('exit', () => {
    execFileSync('umount', [folder]);
    rmdirSync(folder);
  });
  return folder;
}

export const unified = hierarchiesOf(mounts).unified ?? mounted('-t', 'cgroup2');

/** Of systemd's own of version 1. */
export function namedHierarchy(): string {
  const line = mounts.split('\n').find((of) => /(?:^|,)name=systemd$/.test(of));
  return line?.split(' ')[4] ?? mounted('-t', 'cgroup', '-o', 'none,name=systemd');
}

/** A group under one of the test's own; all are removed behind the test, once the processes have ended. */
export function group(t: TestContext, mount: string, path: string): string {
  const names = [`sonde-test-${String(process.pid)}-${String(++groups)}`, ...path.split('/')];
  const folders = names.map((_, at) => [mount, ...names.slice(0, at + 1)].join('/'));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  t.after(async () => {
    for (const folder of folders.toReversed())
      assert.ok(await eventually(() => isRemoved(folder), patienceMs));
  });
  return folders.at(-1) ?? '';
}

function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** In the group, a process that is gone after less than 5 ms. */
export async function brief(starter: Actor, folder: string): Promise<void> {
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  const argv = ['/bin/sh', '-c', enter, folder, programPath('brief'), '127.0.0.1', '9'];
  const { status, text } = await starter.run(argv);
  assert.equal(status, 0, text);
}
