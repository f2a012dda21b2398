/** Pins, on a BPF file system of the test's own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { signalNames } from '../../model/signals.ts';
import { kernelLimits } from './generation.ts';
import { artefacts, loadNative } from './native.ts';
import { openPins, removePins, type Pins } from './pins.ts';
import { Kernel } from './programs.ts';
import { leaveOutSweeps, wantsSweepInTwo } from './sweep.ts';

const options = { limits: { ...kernelLimits, flowRowsMax: 256 }, signals: signalNames };

/** SONDE_BPFFS is `root` while it acts; nothing is mounted there at first. */
async function withRoot(act: (root: string) => Promise<void> | void): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'sonde-bpffs-'));
  const before = process.env['SONDE_BPFFS'];
  process.env['SONDE_BPFFS'] = root;
  try {
    await act(root);
  } finally {
    if (before === undefined) delete process.env['SONDE_BPFFS'];
    else process.env['SONDE_BPFFS'] = before;
    execFileSync('umount', ['--lazy', root]);
    rmSync(root, { recursive: true });
  }
}

async function opened(instance: string): Promise<Pins> {
  const pins = await openPins(instance);
  return typeof pins === 'string' ? assert.fail(pins) : pins;
}

const refused = (reason: RegExp) => ({ code: 'pins.foreign', message: reason });

describe('the place', () => {
  test('is mounted where nobody has, once for several instances, for root alone', () =>
    withRoot(async (root) => {
      await using _one = await opened('one');
      await using _two = await opened('two');
      assert.deepEqual(readdirSync(`${root}/sonde`).sort(), ['one', 'two']);
      const mounts = execFileSync('findmnt', ['--noheadings', '--output', 'FSTYPE', root], {
        encoding: 'utf8',
      });
      assert.equal(mounts, 'bpf\n');
    }));

  test('is none where nothing can be mounted, and nothing is made', async () => {
    const before = process.env['SONDE_BPFFS'];
    process.env['SONDE_BPFFS'] = '/nonexistent/bpf';
    try {
      assert.equal(await openPins('one'), '/nonexistent/bpf: no such folder');
    } finally {
      if (before === undefined) delete process.env['SONDE_BPFFS'];
      else process.env['SONDE_BPFFS'] = before;
    }
    assert.ok(!existsSync('/nonexistent'));
  });

  test('is for one agent of that instance', () =>
    withRoot(async () => {
      await using _pins = await opened('one');
      const running = { code: 'agent.already_running' };
      await assert.rejects(openPins('one'), running);
      await assert.rejects(removePins('one'), running);
    }));

  for (const [what, spoil, reason] of [
    ['of another user', (path: string) => chownSync(path, 1234, 0), /belongs to user 1234/],
    ['that others may use', (path: string) => chmodSync(path, 0o777), /others may use it, its mode is 777/],
  ] as const) {
    test(`${what} is refused`, () =>
      withRoot(async (root) => {
        await (await opened('one'))[Symbol.asyncDispose]();
        for (const path of [`${root}/sonde/one`, `${root}/sonde`]) {
          mkdirSync(path, { recursive: true, mode: 0o700 });
          spoil(path);
          await assert.rejects(openPins('one'), refused(reason));
          await assert.rejects(removePins('one'), refused(reason));
          chownSync(path, 0, 0);
          chmodSync(path, 0o700);
        }
      }));
  }

  test('a link to elsewhere is refused', () =>
    withRoot(async (root) => {
      await using _pins = await opened('one');
      symlinkSync(`${root}/sonde/one`, `${root}/sonde/two`);
      await assert.rejects(openPins('two'), refused(/no folder/));
    }));
});

test('a generation is there whole or not at all; what was half done goes', { timeout: 60_000 }, () =>
  withRoot(async (root) => {
    const folder = `${root}/sonde/one`;
    const { object } = artefacts();
    const native = loadNative(artefacts());
    await using kernel = new Kernel(native, object, options);
    const half = await opened('one');
    const loose = native.open(object);
    leaveOutSweeps(native, loose, wantsSweepInTwo(native, object));
    native.load(loose);
    native.pinMap(loose, 'shared', half.mapPath(half.draft(), 'shared'));
    native.close(loose);
    await half[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(folder), ['new']);
    const pins = await opened('one');
    assert.deepEqual(pins.generations(), []);

    await kernel.start(signalNames);
    const birth = { agentId: 'a', since: '2026-01-01T00:00:00.000Z', scope: undefined, baselines: new Map() };
    assert.ok(kernel.pin(pins, { name: 'g', birth }));
    assert.deepEqual(pins.generations(), ['g']);
    assert.ok(kernel.isWhole());
    assert.deepEqual(kernel.birth(), birth);
    pins.dropLinks('g');
    assert.ok(!kernel.isWhole());
    await pins[Symbol.asyncDispose]();
    assert.deepEqual(await removePins('one'), { maps: mapsOf(native, object), links: 0 });
    assert.ok(!existsSync(folder));
    assert.equal(await removePins('one'), undefined);
  }),
);

/** How many maps an object declares. */
function mapsOf(native: ReturnType<typeof loadNative>, path: string): number {
  const object = native.open(path);
  try {
    return native.maps(object).length;
  } finally {
    native.close(object);
  }
}

test(
  'programs go idle when no agent was seen for too long, and not before',
  { timeout: 60_000 },
  async () => {
    const { object } = artefacts();
    await using kernel = new Kernel(loadNative(artefacts()), object, options);
    await kernel.start(signalNames);
    const connect = () => {
      try {
        execFileSync('bash', ['-c', 'exec 3<>/dev/tcp/127.0.0.1/1'], { stdio: 'ignore' });
      } catch (error) {
        assert.equal((error as { status?: number }).status, 1); // refused, as it should be
      }
    };
    kernel.control.seen(systemClock.monotonicNs());
    kernel.control.orphanAfter({ idleNs: 3600n * 1_000_000_000n, nowNs: systemClock.monotonicNs() });
    connect();
    assert.equal(kernel.control.stopped(), 'no');
    kernel.control.orphanAfter({ idleNs: 1n, nowNs: 1n });
    connect();
    assert.equal(kernel.control.stopped(), 'orphaned');
  },
);
