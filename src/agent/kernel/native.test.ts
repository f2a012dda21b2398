/** The addon without root: what it refuses, and that handles may be closed, lost and misused without harm. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOperatorError } from '../../lib/errors.ts';
import { artefacts, loadNative, type Native, type NativeError, type NativeObject } from './native.ts';

const paths = artefacts();
const native = loadNative(paths);

const withoutObject = [
  'open',
  'netns',
  'netlink',
  'kernelArguments',
  'kernelEnum',
  'tickNs',
  'linked',
  'programsOn',
  'mapType',
] as const;

/** Every function that takes an object, with arguments that are otherwise sound. */
const calls: Readonly<
  Record<Exclude<keyof Native, (typeof withoutObject)[number] | 'close'>, readonly unknown[]>
> = {
  btf: [],
  constants: ['.rodata'],
  resize: ['flows_a', 1024],
  maps: [],
  reuse: ['flows_a', '/nonexistent'],
  skip: ['sweep'],
  load: [],
  pinMap: ['flows_a', '/nonexistent'],
  pinLink: ['sweep', '/nonexistent'],
  openLink: ['sweep', '/nonexistent'],
  attach: ['sweep'],
  detach: ['sweep'],
  view: ['shared'],
  ringData: ['events'],
  ring: ['events'],
  write: ['scope', new Uint8Array(8), new Uint8Array(1)],
  point: ['flows', 0, 'flows_a'],
  read: ['flows_a', new Uint8Array(480), new Uint8Array(1 << 16)],
  remove: ['flows_a', new Uint8Array(48), 1],
  run: ['sweep'],
  statistics: [false],
  programs: [],
  hooks: [],
  sizes: [],
};

function call(name: keyof Native, ...args: readonly unknown[]): unknown {
  return (native[name] as (...args: readonly unknown[]) => unknown)(...args);
}

/** An object that is closed with the test. */
function withObject(act: (object: NativeObject) => void): void {
  const object = native.open(paths.object);
  try {
    act(object);
  } finally {
    native.close(object);
  }
}

test('the typed functions are the addon\u2019s functions', () => {
  const typed = [...Object.keys(calls), ...withoutObject, 'close'];
  assert.deepEqual(Object.keys(native).sort(), typed.sort());
});

describe('open', () => {
  test('a missing file says so, with its errno', () => {
    assert.throws(
      () => native.open('/nonexistent/x.o'),
      (error: NativeError) => {
        assert.equal(error.errno, 2);
        assert.match(error.message, /^open \/nonexistent\/x\.o: No such file or directory$/);
        return true;
      },
    );
  });

  test('a file that is no object', () =>
    assert.throws(() => native.open('/etc/hostname'), /^Error: open \/etc\/hostname: /));
});

describe('close', () => {
  test('twice is fine', () => {
    const object = native.open(paths.object);
    native.close(object);
    native.close(object);
  });

  for (const [name, args] of Object.entries(calls)) {
    test(`${name} after it is refused`, () => {
      const object = native.open(paths.object);
      native.close(object);
      assert.throws(() => call(name as keyof Native, object, ...args), /^Error: the object is closed$/);
    });
  }

  test('what was copied out of the object outlives it', () => {
    const object = native.open(paths.object);
    const btf = native.btf(object);
    native.close(object);
    assert.equal(new DataView(btf).getUint16(0, true), 0xeb9f);
  });
});

describe('wrong arguments', () => {
  for (const name of [...Object.keys(calls), 'close'] as (keyof Native)[]) {
    test(`${name}: an object that is none`, () => {
      for (const wrong of [undefined, null, 0, 'x', {}, [], () => undefined]) {
        assert.throws(
          () => call(name, wrong, ...(name === 'close' ? [] : calls[name as keyof typeof calls])),
          /^TypeError: the first argument is no object/,
        );
      }
      assert.throws(() => call(name), TypeError);
    });
  }

  const refused: readonly (readonly [name: keyof Native, args: readonly unknown[], error: RegExp])[] = [
    ['constants', [7], /argument 1 is no string/],
    ['constants', ['.nothing'], /no map is called \.nothing/],
    ['constants', ['.rodata', 'x'], /argument 2 is no typed array/],
    ['constants', ['.rodata', new Uint8Array(0)], /RangeError: argument 2 is shorter than/],
    ['resize', ['flows_a'], /argument 2 is no number/],
    ['resize', ['flows_a', '1024'], /argument 2 is no number/],
    ['resize', ['nothing', 1024], /no map is called nothing/],
    ['attach', [7], /argument 1 is no string/],
    ['attach', ['nothing'], /no program is called nothing/],
    ['detach', [], /argument 1 is no string/],
    ['view', [{}], /argument 1 is no string/],
    ['ring', [null], /argument 1 is no string/],
    ['write', ['scope', 'x', new Uint8Array(1)], /argument 2 is no typed array/],
    ['write', ['scope', new Uint8Array(7), new Uint8Array(1)], /argument 2 is shorter than 8 bytes/],
    ['write', ['scope', new Uint8Array(8), new DataView(new ArrayBuffer(8))], /argument 3 is no typed array/],
    ['point', ['flows', 0, 'nothing'], /no map is called nothing/],
    ['point', ['flows', '0', 'flows_a'], /argument 2 is no number/],
    ['read', ['flows_a', new Uint8Array(47), new Uint8Array(4096)], /argument 2 is shorter than 48 bytes/],
    ['read', ['flows_a', new ArrayBuffer(48), new Uint8Array(4096)], /argument 2 is no typed array/],
    ['remove', ['flows_a', new Uint8Array(48), 2], /argument 2 is shorter than 96 bytes/],
    ['remove', ['flows_a', new Uint8Array(48), 0xffff_ffff], /RangeError: argument 2 is shorter/],
    ['remove', ['flows_a', new Uint8Array(48)], /argument 3 is no number/],
    ['reuse', ['flows_a', '/nonexistent'], /open \/nonexistent: No such file/],
    ['skip', ['nothing'], /no program is called nothing/],
    ['pinMap', ['flows_a'], /argument 2 is no string/],
    ['pinLink', ['sweep', '/nonexistent'], /that program is not attached/],
    ['openLink', ['sweep', '/nonexistent'], /open \/nonexistent: No such file/],
    ['run', ['nothing'], /that program is not attached/],
  ];
  for (const [name, args, error] of refused) {
    test(`${name}: ${error.source}`, () => {
      withObject((object) => assert.throws(() => call(name, object, ...args), error));
    });
  }

  test('functions without an object', () => {
    assert.throws(() => call('netlink', '/proc/self/ns/net'), /argument 1 is no number/);
    assert.throws(() => call('netlink', '/proc/self/ns/net', 12, 'x', 1), /argument 2 is no typed array/);
    assert.throws(() => call('netlink', '/proc/self/ns/net', 12, new Uint8Array(15), 1), /shorter than 16/);
    assert.throws(() => call('open'), /argument 0 is no string/);
    assert.throws(() => call('open', 7), /argument 0 is no string/);
    assert.throws(() => call('kernelArguments', {}), /argument 0 is no string/);
    assert.throws(() => call('kernelEnum'), /argument 0 is no string/);
    assert.throws(() => call('netns', 7), /argument 0 is no string/);
    assert.throws(() => call('netns', '/proc/self/ns/net', 7), /argument 1 is no string/);
  });
});

describe('before load', () => {
  test('the maps are not there yet: an error, no crash', async () => {
    const object = native.open(paths.object);
    try {
      for (const name of ['view', 'ring', 'write', 'attach'] as const) {
        assert.throws(() => call(name, object, ...calls[name]), Error, name);
      }
      for (const name of ['point', 'read', 'remove'] as const) {
        await assert.rejects(
          call(name, object, ...calls[name]) as Promise<unknown>,
          (error: NativeError) => error.errno === 9,
          name,
        );
      }
      assert.equal(native.detach(object, 'sweep'), false);
      assert.ok(native.programs(object).some(({ name, runs }) => name === 'sweep' && runs === undefined));
    } finally {
      native.close(object);
    }
  });

  test('closing while a promise is under way is refused, and fine afterwards', async () => {
    const object = native.open(paths.object);
    const reading = native.read(object, 'flows_a', new Uint8Array(48), new Uint8Array(1024));
    assert.throws(() => native.close(object), /^Error: the object is in use$/);
    await assert.rejects(reading);
    native.close(object);
  });

  test('constants are read back as they were set', () => {
    withObject((object) => {
      const bytes = new Uint8Array(native.constants(object, '.rodata'));
      assert.ok(bytes.length > 0);
      bytes.fill(0x5a);
      native.constants(object, '.rodata', bytes);
      assert.deepEqual(new Uint8Array(native.constants(object, '.rodata')), bytes);
    });
  });
});

test('netns: a path that is none, and one that is no namespace', async () => {
  await assert.rejects(native.netns('/nonexistent'), (error: NativeError) => error.errno === 2);
  await assert.rejects(native.netns('/etc/hostname'), /enter the network namespace \/etc\/hostname/);
});

test('objects that are lost, open and closed, are collected without harm', () => {
  const script = `
    const native = require(process.argv[1]);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 5; i++) native.open(process.argv[2]);
      native.close(native.open(process.argv[2]));
      const reading = native.open(process.argv[2]);
      native.read(reading, 'flows_a', new Uint8Array(48), new Uint8Array(1024)).catch(() => {});
      gc();
    }
    setTimeout(() => { gc(); console.log('alive'); }, 50);`;
  const args = ['--expose-gc', '-e', script, paths.addon, paths.object];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(stderr, '');
  assert.deepEqual([status, stdout], [0, 'alive\n']);
});

test('a process that ends with promises under way ends', () => {
  const script = `
    const native = require(process.argv[1]);
    const object = native.open(process.argv[2]);
    const [keys, values] = [new Uint8Array(48), new Uint8Array(1024)];
    for (let i = 0; i < 50; i++) native.read(object, 'flows_a', keys, values).catch(() => {});
    process.exit(3);`;
  const args = ['-e', script, paths.addon, paths.object];
  assert.equal(spawnSync(process.execPath, args, { timeout: 60_000 }).status, 3);
});

describe('loadNative', () => {
  const problem = (found: { addon: string; object: string }): string => {
    try {
      loadNative(found);
    } catch (error) {
      assert.ok(isOperatorError(error));
      return error.code;
    }
    return assert.fail('it was loaded');
  };

  test('names what the build did not make', () => {
    assert.equal(problem({ ...paths, object: '/nonexistent' }), 'build.missing_object');
    assert.equal(problem({ ...paths, addon: '/nonexistent' }), 'build.missing_addon');
  });

  test('a file that is no addon', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-native-'));
    try {
      const addon = join(folder, 'sonde.node');
      writeFileSync(addon, 'no library');
      assert.equal(problem({ ...paths, addon }), 'build.missing_addon');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('SONDE_BUILD names the folder', () => {
    assert.deepEqual(artefacts({ SONDE_BUILD: '/opt/b' }), {
      addon: '/opt/b/sonde.node',
      object: '/opt/b/bpf/sonde.bpf.o',
    });
    assert.match(artefacts({}).object, /\/build\/bpf\/sonde\.bpf\.o$/);
  });
});
