import assert from 'node:assert/strict';
import { existsSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeSandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

// Writes what it was told to make: the argument after -o, or bpftool's first object.
const compiler = 'while [ $# -gt 1 ] && [ "$1" != -o ]; do shift; done; echo made >"$2"';

function makeTree(): Sandbox {
  const box = makeSandbox();
  box.write('bpf/include/kernel.h', '');
  box.write('bpf/sonde.bpf.c', '');
  box.write('bpf/dns.bpf.c', '');
  box.write('native/addon.cc', '');
  box.write('lab/actor.c', '');
  box.write('node_modules/node-addon-api/package.json', '{}');
  box.write('node_modules/node-api-headers/package.json', '{}');
  for (const name of ['clang', 'gcc', 'g++']) box.standIn(name, compiler);
  box.standIn('bpftool', 'echo linked >"$3"');
  return box;
}

/** Which program made what, from the calls. */
function made(box: Sandbox): string[] {
  const outputs = box
    .calls()
    .map((call) => `${call.split(' ')[0] ?? ''} ${/build\/[^ ]+?(?=\.new)/.exec(call)?.[0] ?? ''}`);
  return outputs.sort();
}

describe('scripts/build', () => {
  test('makes everything once', async () => {
    using box = makeTree();
    const first = await box.run('scripts/build');
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, '');
    assert.deepEqual(made(box), [
      'bpftool build/bpf/sonde.bpf.o',
      'clang build/bpf/parts/dns.o',
      'clang build/bpf/parts/sonde.o',
      'g++ build/native/addon.o',
      'g++ build/sonde.node',
      'gcc build/lab/actor',
    ]);
    assert.deepEqual(await box.run('scripts/build'), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(made(box), []);
  });

  test('makes again what changed, by content and not by time', async () => {
    using box = makeTree();
    await box.run('scripts/build');
    made(box);
    utimesSync(join(box.path, 'bpf/sonde.bpf.c'), new Date(2_000_000_000_000), new Date(2_000_000_000_000));
    await box.run('scripts/build');
    assert.deepEqual(made(box), []);
    box.write('bpf/sonde.bpf.c', 'int x;');
    await box.run('scripts/build');
    // The stand-in's object is the same as before, so there is nothing to link.
    assert.deepEqual(made(box), ['clang build/bpf/parts/sonde.o']);
    box.write('bpf/include/kernel.h', 'int y;');
    await box.run('scripts/build');
    assert.deepEqual(made(box), ['clang build/bpf/parts/dns.o', 'clang build/bpf/parts/sonde.o']);
    box.remove('bpf/dns.bpf.c');
    await box.run('scripts/build');
    assert.deepEqual(made(box), ['bpftool build/bpf/sonde.bpf.o']);
  });

  test('a program whose source is gone goes too', async () => {
    using box = makeTree();
    await box.run('scripts/build');
    box.remove('lab/actor.c');
    assert.equal((await box.run('scripts/build')).code, 0);
    assert.equal(existsSync(join(box.path, 'build/lab/actor')), false);
  });

  test('the page is a folder that is made as a whole, and again when what it takes changes', async () => {
    using box = makeSandbox();
    box.write('web/index.html', '');
    box.write('web/show/cell.tsx', '');
    box.write('src/lib/units.ts', '');
    box.write('package-lock.json', '{}');
    box.write('node_modules/vite/bin/vite.js', '');
    // Stands for Node running Vite: makes the folder that it is told, from web/.
    const vite =
      'cd web; while [ "$1" != --outDir ]; do shift; done; mkdir -p "$2"; echo made >"$2/index.html"';
    box.standIn('../node_modules/.bin/node', vite);
    assert.deepEqual(await box.run('scripts/build'), {
      code: 0,
      stdout: '',
      stderr: 'sonde build: build/web\n',
    });
    box.write('build/web/old.js', '');
    assert.deepEqual(await box.run('scripts/build'), { code: 0, stdout: '', stderr: '' });
    for (const path of ['web/show/cell.tsx', 'src/lib/units.ts', 'package-lock.json']) {
      box.write(path, 'changed');
      assert.equal((await box.run('scripts/build')).stderr, 'sonde build: build/web\n', path);
    }
    assert.equal(existsSync(join(box.path, 'build/web/index.html')), true);
    assert.equal(existsSync(join(box.path, 'build/web/old.js')), false);
    assert.equal(existsSync(join(box.path, 'build/web.new')), false);
    box.write('web/show/cell.test.ts', '');
    assert.equal((await box.run('scripts/build')).stderr, '');
  });

  test('another compiler makes anew, a missing one leaves what is up to date', async () => {
    using box = makeTree();
    await box.run('scripts/build');
    made(box);
    box.standIn('clang', `${compiler} # another`);
    await box.run('scripts/build');
    assert.deepEqual(made(box), ['clang build/bpf/parts/dns.o', 'clang build/bpf/parts/sonde.o']);
    for (const name of ['clang', 'gcc', 'g++', 'bpftool']) box.remove(`.bin/${name}`);
    assert.deepEqual(await box.run('scripts/build'), { code: 0, stdout: '', stderr: '' });
  });

  test('a missing compiler is named with its package, the rest is made', async () => {
    using box = makeTree();
    box.remove('.bin/clang');
    const { code, stderr } = await box.run('scripts/build');
    assert.equal(code, 2);
    assert.match(stderr, /^sonde build: build\/bpf\/parts\/dns\.o wants clang, .*\(Debian package clang\)$/m);
    assert.equal(stderr.match(/wants clang/g)?.length, 1);
    assert.ok(existsSync(join(box.path, 'build/lab/actor')));
  });

  test('what does not compile is named, and leaves nothing half made', async () => {
    using box = makeTree();
    box.standIn('gcc', `${compiler}; echo "actor.c:1: error" >&2; exit 1`);
    const { code, stderr } = await box.run('scripts/build');
    assert.equal(code, 1);
    assert.match(stderr, /actor\.c:1: error\nsonde build: build\/lab\/actor could not be made \(above\)$/m);
    assert.equal(existsSync(join(box.path, 'build/lab/actor')), false);
    assert.equal(existsSync(join(box.path, 'build/lab/actor.new')), false);
    box.standIn('gcc', compiler);
    assert.equal((await box.run('scripts/build')).code, 0);
  });

  test('without npm packages it says what to run', async () => {
    using box = makeTree();
    box.remove('node_modules');
    const { code, stderr } = await box.run('scripts/build');
    assert.equal(code, 2);
    assert.match(stderr, /run scripts\/setup or npm ci first/);
  });

  test('an empty tree has nothing to build', async () => {
    using box = makeSandbox();
    assert.deepEqual(await box.run('scripts/build'), { code: 0, stdout: '', stderr: '' });
  });
});
