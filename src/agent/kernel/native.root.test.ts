/** The addon with its programs loaded. Nothing is attached to an event here but by `attached`, for a moment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { kernelTypes } from '../../../test/kernel-types.ts';
import { artefacts, loadNative, type NativeError, type NativeObject } from './native.ts';
import { cgroupRoot } from './signals.ts';
import { leaveOutSweeps, sweepPrograms, wantsSweepInTwo } from './sweep.ts';

const paths = artefacts();
const native = loadNative(paths);
const [keySize, valueSize] = ['flow_key', 'flow'].map((struct) => kernelTypes().layout(struct).size) as [
  number,
  number,
];

const isInTwo = wantsSweepInTwo(native, paths.object);
/** One that this kernel takes. */
const sweep = isInTwo ? 'sweep_holders' : 'sweep';

function opened(): NativeObject {
  const object = native.open(paths.object);
  leaveOutSweeps(native, object, isInTwo);
  return object;
}

/** A loaded object, closed when it goes out of scope. */
function loaded(): { readonly object: NativeObject } & Disposable {
  const object = opened();
  for (const map of ['flows_a', 'flows_b']) native.resize(object, map, 256);
  native.load(object);
  return { object, [Symbol.dispose]: () => native.close(object) };
}

describe('a loaded object', () => {
  test('is loaded once', () => {
    using it = loaded();
    assert.throws(() => native.load(it.object), /^Error: load: /);
    assert.throws(() => native.resize(it.object, 'flows_a', 512), /^Error: resize: /);
    assert.throws(() => native.constants(it.object, '.rodata', new Uint8Array(1 << 16)), /constants/);
  });

  test('elements written, read, removed', async () => {
    using it = loaded();
    const types = { key: keySize, value: valueSize };
    const key = new Uint8Array(types.key).fill(7);
    const value = new Uint8Array(types.value).fill(9);
    native.write(it.object, 'flows_a', key, value);
    const keys = new Uint8Array(4 * types.key);
    const values = new Uint8Array(4 * types.value);
    assert.equal(await native.read(it.object, 'flows_a', keys, values), 1);
    assert.deepEqual(keys.subarray(0, types.key), key);
    assert.deepEqual(values.subarray(0, types.value), value);
    await native.remove(it.object, 'flows_a', keys, 1);
    assert.equal(await native.read(it.object, 'flows_a', keys, values), 0);
    await native.remove(it.object, 'flows_a', keys, 0);
  });

  test('more elements than there is room for are an error, not an overrun', async () => {
    using it = loaded();
    for (let n = 1; n <= 3; n++)
      native.write(it.object, 'flows_a', new Uint8Array(keySize).fill(n), new Uint8Array(valueSize));
    const values = new Uint8Array(2 * valueSize + 8).fill(0xee);
    await assert.rejects(
      native.read(it.object, 'flows_a', new Uint8Array(2 * keySize), values.subarray(0, 2 * valueSize)),
      (error: NativeError) => error.errno === 7 || error.errno === 28,
    );
    assert.deepEqual(values.subarray(2 * valueSize), new Uint8Array(8).fill(0xee));
  });

  test('a view and a ring outlive it', () => {
    const object = opened();
    native.load(object);
    const view = new Uint8Array(native.view(object, 'shared'));
    const { consumer, producer } = native.ring(object, 'events');
    const data = native.ringData(object, 'events');
    native.close(object);
    view[0] = 1;
    assert.equal(view[0], 1);
    assert.equal(data.byteLength, 2 * (4 << 20));
    assert.equal(new BigUint64Array(consumer)[0], 0n);
    assert.equal(new BigUint64Array(producer)[0], 0n);
  });

  test('is not closed under a promise; afterwards it is', async () => {
    const it = loaded();
    native.attach(it.object, sweep);
    const sweeping = native.run(it.object, sweep);
    assert.throws(() => native.close(it.object), /^Error: the object is in use$/);
    await sweeping;
    native.close(it.object);
    assert.throws(() => native.programs(it.object), /the object is closed/);
  });

  test('a program is attached once, and detached once', () => {
    using it = loaded();
    native.attach(it.object, 'tcp_reset_received');
    assert.throws(
      () => native.attach(it.object, 'tcp_reset_received'),
      /tcp_reset_received is attached already/,
    );
    assert.equal(native.detach(it.object, 'tcp_reset_received'), true);
    assert.equal(native.detach(it.object, 'tcp_reset_received'), false);
  });

  test('run time is counted while somebody asks', async () => {
    using it = loaded();
    native.attach(it.object, sweep);
    const runs = (): bigint => native.programs(it.object).find(({ name }) => name === sweep)?.runs ?? -1n;
    native.statistics(it.object, true);
    native.statistics(it.object, true);
    await native.run(it.object, sweep);
    const counted = runs();
    assert.ok(counted > 0n);
    native.statistics(it.object, false);
    await native.run(it.object, sweep);
    assert.equal(runs(), counted);
  });
});

test('a look into a network namespace', async () => {
  const visit = await native.netns('/proc/self/ns/net', '/proc/thread-self/net/snmp');
  assert.equal(readlinkSync('/proc/self/ns/net'), `net:[${visit.inode}]`);
  assert.ok(visit.cookie > 0n);
  assert.match(visit.texts[0] ?? '', /^Tcp: /m);
  await assert.rejects(
    native.netns('/proc/self/ns/net', '/nonexistent'),
    /read \/nonexistent in the network namespace/,
  );
});

test('what links hold attached is told, with its tracepoint, until it is let go', () => {
  using it = loaded();
  const mine = () => native.linked().filter(({ name }) => name === 'tcp_reset_recei');
  const before = new Set(mine().map(({ link }) => link));
  native.attach(it.object, 'tcp_reset_received');
  const added = mine().filter(({ link }) => !before.has(link));
  assert.ok(
    added.some(
      ({ tracepoint, type, user }) => tracepoint === 'tcp_receive_reset' && type === 'tracing' && user === 0,
    ),
  );
  native.detach(it.object, 'tcp_reset_received');
  const left = new Set(mine().map(({ link }) => link));
  assert.ok(added.some(({ link }) => !left.has(link)));
});

test('what is attached to a control group', () => {
  const egress = 1; // BPF_CGROUP_INET_EGRESS
  const { programs, flags } = native.programsOn(cgroupRoot() ?? '', egress);
  assert.deepEqual([Array.isArray(programs), typeof flags], [true, 'number']);
  assert.throws(() => native.programsOn('/nonexistent', egress), /open \/nonexistent: No such file/);
  assert.throws(() => native.programsOn('/proc', egress), /look at \/proc: /);
});

test('maps are made to see whether they can be', () => {
  assert.equal(native.mapType(27), true); // BPF_MAP_TYPE_RINGBUF
  assert.throws(() => native.mapType(4000), /make a map/);
});

test('hooks and sizes come from the object', () => {
  using it = loaded();
  const hook = native.hooks(it.object).find(({ program }) => program === 'tcp_reset_received');
  assert.equal(hook?.section, 'tp_btf/tcp_receive_reset');
  const size = native.sizes(it.object).find(({ map }) => map === 'flows_a');
  assert.deepEqual([size?.type, size?.entries], ['hash', 256]);
});

test('the kernel\u2019s own functions and enums', () => {
  assert.ok(native.kernelArguments('btf_trace_inet_sock_set_state') >= 3);
  assert.equal(native.kernelArguments('btf_trace_of_nobody'), -1);
  assert.equal(native.kernelEnum('bpf_map_type')?.['BPF_MAP_TYPE_ARRAY'], 2);
  assert.equal(native.kernelEnum('of_nobody'), undefined);
});

test('loaded objects that are lost are collected, programs and all', () => {
  const leftOut = [
    ...sweepPrograms.filter((name) => name.startsWith('sweep_') !== isInTwo),
    'reaches_socket',
  ];
  const script = `
    const native = require(process.argv[1]);
    const { readdirSync } = require('fs');
    const open = () => readdirSync('/proc/self/fd').length;
    (async () => {
      const before = open();
      let ofOne = 0;
      for (let round = 0; round < 6; round++) {
        const object = native.open(process.argv[2]);
        native.resize(object, 'flows_a', 256);
        native.resize(object, 'flows_b', 256);
        for (const program of ${JSON.stringify(leftOut)}) native.skip(object, program);
        native.load(object);
        native.attach(object, '${sweep}');
        native.view(object, 'shared');
        native.ring(object, 'events');
        native.ringData(object, 'events');
        await native.run(object, '${sweep}');
        ofOne ||= open() - before;
        await null;
      }
      for (let i = 0; i < 5; i++) { gc(); await new Promise((r) => setTimeout(r, 20)); }
      const left = open() - before;
      console.log(left < 2 * ofOne ? 'collected' : 'kept ' + left + ', one has ' + ofOne);
    })();`;
  const args = ['--expose-gc', '-e', script, paths.addon, paths.object];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(stderr, '');
  assert.deepEqual([status, stdout], [0, 'collected\n']);
});
