import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withTree, type NodeTree } from '../../../test/node-tree.ts';
import * as probes from './machine-probes.ts';
import type { Finding } from './report.ts';

function told({ result, detail }: Finding): string {
  return `${result}: ${detail}`;
}

test('a list of processors is counted', () => {
  assert.deepEqual(['0', '0-3', '0-3,8,10-11', ''].map(probes.countOf), [1, 4, 7, 0]);
});

test('processors online, and possible ones', () => {
  const folder = '/sys/devices/system/cpu';
  const texts = { [`${folder}/online`]: '0-1\n', [`${folder}/possible`]: '0-63\n' };
  assert.equal(told(withTree({ texts }, probes.probeCpus)), 'ok: 2 online, of 64 possible ones');
});

describe('what maps take when they are full', () => {
  const map = { keySize: 4, valueSize: 12, entries: 1000 };
  for (const [type, cpus, bytes] of [
    ['array', 1, 16_000],
    ['percpu_array', 4, 64_000],
    ['hash', 1, 1000 * (48 + 8 + 16) + 16 * 1024],
    ['lru_percpu_hash', 2, 1000 * (48 + 8 + 32) + 16 * 1024],
    ['ringbuf', 1, 1000],
    ['sk_storage', 1, 16_000],
  ] as const)
    test(`${type} on ${String(cpus)}`, () => assert.equal(probes.mapBytes({ type, ...map }, cpus), bytes));

  test('a map whose size only sockets decide takes nothing of itself', () =>
    assert.equal(probes.mapBytes({ type: 'sk_storage', keySize: 4, valueSize: 80, entries: 0 }, 2), 0));
});

const mount = (type: string, path: string, root = '/') =>
  `9 1 0:7 ${root} ${path} rw shared:1 - ${type} none rw\n`;

describe('memory', () => {
  const meminfo = { '/proc/meminfo': 'MemTotal: 9000 kB\nMemAvailable:    1000 kB\n' };
  const limited = (max: string) => ({
    ...meminfo,
    '/proc/self/mountinfo': mount('cgroup2', '/cg'),
    '/proc/self/cgroup': '0::/a/b\n',
    '/cg/a/memory.max': max,
    '/cg/a/memory.current': '100000\n',
    '/cg/a/b/memory.max': 'max\n',
    '/cg/a/b/memory.current': '1\n',
  });

  for (const [name, texts, expected] of [
    ['enough', meminfo, 'ok: 1.0 MB available, the maps take 500 kB at most'],
    ['a limit above', limited('max\n'), 'ok: 1.0 MB available, the maps take 500 kB at most'],
    [
      'a control group that has too little left',
      limited('300000\n'),
      'degraded: 200 kB available in this control group, the maps take 500 kB at most',
    ],
  ] as const) {
    test(name, () => {
      assert.equal(told(withTree({ texts }, (files) => probes.probeMemory(files, 500_000))), expected);
    });
  }
});

describe('control groups', () => {
  const initial = { '/proc/self/ns/cgroup': probes.initialNamespaces.cgroup };
  const look = (mounts: string, needing: readonly 'lifecycle'[], links: NodeTree['links'] = initial) =>
    withTree({ texts: { '/proc/self/mountinfo': mounts }, links }, (files) =>
      probes.probeCgroups(files, needing),
    );
  const first = mount('cgroup', '/sys/fs/cgroup/cpu');

  test('pure', () =>
    assert.equal(
      told(look(mount('cgroup2', '/sys/fs/cgroup'), ['lifecycle'])),
      'ok: pure, the second version is on /sys/fs/cgroup',
    ));

  test('hybrid', () =>
    assert.equal(
      told(look(first + mount('cgroup2', '/cg'), [])),
      'ok: hybrid, the second version is on /cg',
    ));

  test('none matters where a signal needs it', () => {
    const needed = look(first, ['lifecycle']);
    assert.equal(told(needed), 'degraded: none of the second version is mounted, only the first');
    assert.deepEqual(needed.lessens, { signals: ['lifecycle'] });
    const idle = look('', []);
    assert.deepEqual([told(idle), idle.lessens], ['note: none of the second version is mounted', undefined]);
  });

  test('a part of the hierarchy is not its root', () =>
    assert.equal(
      told(look(mount('cgroup2', '/cg', '/../..'), ['lifecycle'])),
      'degraded: pure, only a part is mounted on /cg',
    ));

  test('nor is a container\u2019s root the host\u2019s', () =>
    assert.match(
      told(look(mount('cgroup2', '/cg'), ['lifecycle'], { '/proc/self/ns/cgroup': 'cgroup:[4026532000]' })),
      /^degraded: pure, on \/cg, which is not the host's root/,
    ));
});

test('a BPF file system', () => {
  const look = (mounts: string) =>
    told(
      withTree({ texts: { '/proc/self/mountinfo': mounts } }, (files) =>
        probes.probeBpffs(files, '/sys/fs/bpf'),
      ),
    );
  assert.equal(look(mount('bpf', '/sys/fs/bpf')), 'ok: /sys/fs/bpf');
  assert.equal(look(mount('tmpfs', '/sys/fs/bpf')), 'note: not mounted on /sys/fs/bpf');
});
