import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kernelTypes, recordWriter } from '../../../test/kernel-types.ts';
import type { NetnsCounts, Owner } from '../../model/observation.ts';
import { netnsDecoder, ownerDecoder } from './tables.ts';

const types = kernelTypes();
const text = new TextEncoder();

interface OwnerParts {
  readonly state?: string;
  readonly turn?: number;
  readonly comm?: string;
  /** Executable first, then its folders; a length other than the bytes' stands for a longer name. */
  readonly path?: readonly (readonly [name: string, length: number])[];
}

const state = (name: string) => types.words('place', 'PLACE_').indexOf(name);

/** Owner number 1 of a table of two. */
function owner(
  { state: named = 'known', turn = 0, comm = 'curl', path = [] }: OwnerParts,
  number = 1,
): Owner | undefined {
  const table = recordWriter(types, 'owner', 2);
  const key = recordWriter(types, 'owner_key');
  key.set('cgroup', 2n ** 60n);
  key.set('exe_inode', 2 ** 33);
  key.set('exe_device', 0x0010_0002);
  key.set('uid', 1000);
  key.set('comm', text.encode(comm));
  const lengths = new Uint8Array(8);
  const names = new Uint8Array(8 * 40);
  path.forEach(([name, length], depth) => {
    lengths[depth] = length;
    names.set(text.encode(name), depth * 40);
  });
  table.set('key', new Uint8Array(key.view.buffer), table.size);
  table.set('first_pid', 42, table.size);
  table.set('first_pid_started_ns', 7_000_000_000n, table.size);
  table.set('place', state(named), table.size);
  table.set('turn', turn, table.size);
  table.set('used', 3, table.size);
  table.set('path_lengths', lengths, table.size);
  table.set('path', names, table.size);
  return ownerDecoder(types)(table.view, number);
}

const whole = (...names: readonly string[]): (readonly [string, number])[] =>
  names.map((name) => [name, text.encode(name).length]);

describe('owners', () => {
  test('every field', () => {
    assert.deepEqual(owner({ path: whole('curl', 'bin', 'usr') }), {
      id: 1,
      usedInWindow: 3,
      name: 'curl',
      uid: 1000,
      cgroupId: 2n ** 60n,
      exeInode: 2 ** 33,
      exeDevice: 0x0010_0002,
      pid: 42,
      pidStartedNs: 7_000_000_000,
      kernelPath: ['usr', 'bin', 'curl'],
    });
  });

  test('one that the kernel is still writing is not there yet', () => {
    for (const named of ['free', 'taken', 'retired'])
      assert.equal(owner({ state: named, path: whole('curl') }), undefined, named);
  });

  test('a number has its turn at a place', () => {
    assert.equal(owner({ turn: 2 }, 2 * 65_536 + 1)?.id, 131_073);
    assert.equal(owner({ turn: 2 }, 1), undefined);
    assert.equal(owner({ turn: 65_535 }, 0xffff_0001)?.name, 'curl');
  });

  test('a name that fills its room', () =>
    assert.equal(owner({ comm: 'sixteen-letters!' })?.name, 'sixteen-letters!'));

  test('no executable, no path', () => assert.equal(owner({})?.kernelPath, undefined));

  test('names of more than one byte to the letter', () => {
    assert.deepEqual(owner({ path: whole('größe', 'bin') })?.kernelPath, ['bin', 'größe']);
  });

  test('of a name that the kernel did not keep whole, its length', () => {
    const path = [
      ['curl', 4],
      ['a-folder-with-a-name-that-is-longer-tha', 60],
    ] as const;
    assert.deepEqual(owner({ path })?.kernelPath, [60, 'curl']);
  });

  test('a path that is deeper than was kept is not known', () => {
    assert.equal(owner({ path: whole('1', '2', '3', '4', '5', '6', '7') })?.kernelPath?.join(''), '7654321');
    assert.equal(owner({ path: whole('1', '2', '3', '4', '5', '6', '7', '8') })?.kernelPath, undefined);
  });
});

/** Namespace number `id` of a table of two. */
function netns(id: number, named: string): NetnsCounts | undefined {
  const table = recordWriter(types, 'netns', 2);
  const at = id * table.size;
  const fields = {
    cookie: 2n ** 50n,
    inode: 4_026_531_840,
    place: state(named),
    active_opens: 2n ** 34n,
    passive_opens: 2,
    attempt_fails: 3,
    estab_resets: 4,
    retrans_segs: 5,
    out_rsts: 6,
    untracked: 7,
  };
  for (const [name, value] of Object.entries(fields)) table.set(name, value, at);
  return netnsDecoder(types)(table.view, id);
}

describe('namespaces', () => {
  test('every field', () => {
    assert.deepEqual(netns(1, 'known'), {
      id: 1,
      cookie: 2n ** 50n,
      inode: 4_026_531_840,
      counters: {
        activeOpens: 2 ** 34,
        passiveOpens: 2,
        attemptFails: 3,
        estabResets: 4,
        retransSegs: 5,
        outRsts: 6,
      },
      untracked: 7,
    });
  });

  test('a number that nobody has is nothing; 0 holds those that found no room', () => {
    assert.equal(netns(1, 'free'), undefined);
    assert.equal(netns(0, 'free')?.untracked, 7);
  });
});
