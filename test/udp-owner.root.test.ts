/** Whose a UDP socket is as time goes by: it is quiet, changes hands, or its process becomes another program. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { flowDecoder } from '../src/agent/decode/flows.ts';
import { ownerDecoder } from '../src/agent/decode/tables.ts';
import { kernelLimits } from '../src/agent/kernel/generation.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { scopeCookies } from '../src/agent/kernel/scope.ts';
import { loadSupported } from '../src/agent/kernel/supported.ts';
import { bound, startUdpRig } from './udp-sums.ts';

const limit = { timeout: 60_000 };
const to = { ip: '127.0.0.1', port: 5300 };

test('a sender that is quiet keeps its number; one whose number is gone gets another', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const native = loadNative(artefacts());
  await using kernel = loadSupported(native, artefacts().object, { limits: kernelLimits }).kernel;
  kernel.scope(await scopeCookies(native, [at.path]));
  kernel.control.set({ udpIdleMs: 1, detailClosed: true });
  await kernel.start(['lifecycle', 'udp']);
  const decodeFlows = flowDecoder(kernel.types, native.tickNs());
  const decodeOwner = ownerDecoder(kernel.types);
  let window = 0;
  /** Closes a window; whose numbers its rows of sent datagrams have. */
  const senders = async () => {
    const raw = await kernel.close(++window, Date.now());
    const sent = decodeFlows(raw).filter((row) => row.direction === 'egress' && row.sums.segmentsSent > 0);
    const numbers = sent.map((row) => row.owner);
    await kernel.clear(raw);
    return numbers;
  };
  const name = (number: number | undefined) => number && decodeOwner(kernel.owners, number)?.name;
  const quiet = await at.actor('quiet');
  const socket = await quiet.socket('udp4');
  const send = () => quiet.sendDatagrams(socket, { count: 1, bytes: 1, to });

  await send();
  const [first] = await senders();
  assert.equal(name(first), 'quiet');
  for (let i = 0; i < 4; i++) assert.deepEqual(await senders(), []);
  assert.equal(decodeOwner(kernel.owners, first ?? 0)?.usedInWindow, window, 'the sweep knows it in use');
  await send();
  assert.deepEqual(await senders(), [first]);

  await kernel.numbers.owners.retire([first ?? 0]);
  await send();
  const [second] = await senders();
  assert.notEqual(second, first);
  assert.equal(name(second), 'quiet');
  kernel.detach();
});

test('a worker that only receives has what its parent sent from, once that has exited', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const { server, s } = await bound(at, to.ip, to.port, { name: 'parent' });
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  const receive = async (by: typeof server, reply?: number) => {
    await client.sendDatagrams(c, { count: 1, bytes: 5, to });
    await by.takeDatagrams(s, 1, reply);
  };
  await receive(server, 6);
  await client.takeDatagrams(c, 1);
  const worker = await server.fork('worker');
  const ingress = () => rig.flows().filter((flow) => flow.direction === 'ingress');
  const of = (name: string) => ingress().filter((flow) => flow['process.name'] === name);
  for (let window = 0; window < 4; window++) {
    await receive(server);
    await rig.nextWindow();
  }
  assert.equal(of('worker').length, 0, 'as long as the sender has it, it is his');
  await server.exit();
  while (of('worker').length === 0) {
    await receive(worker);
    await rig.nextWindow();
  }
  await rig.stop();
  assert.ok(of('worker').every((flow) => flow.attribution === 'scanned'));
  const opened = (name: string) => of(name).reduce((sum, flow) => sum + flow['connections.opened'], 0);
  assert.deepEqual([opened('parent'), opened('worker')], [1, 0], 'the flow goes on');
});

test('a process that sends and then runs another program', limit, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using _ = (await bound(at, to.ip, to.port)).server;
  await using rig = await startUdpRig(at);
  const script = 'exec 3<>/dev/udp/127.0.0.1/5300; echo first >&3; echo; read -r; exec cat >&3';
  const shell = spawn('nsenter', [`--net=${at.path}`, 'bash', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(shell.stdout, 'data');
    const egress = (name: string) =>
      rig.flows().filter((row) => row.direction === 'egress' && row['process.name'] === name);
    while (egress('bash').length === 0) await rig.nextWindow();
    shell.stdin.write('\n');
    while (egress('cat').length === 0) {
      shell.stdin.write('more\n');
      await rig.nextWindow();
    }
    assert.match(egress('cat')[0]?.['process.executable.path'] ?? '', /cat$/);
  } finally {
    shell.kill('SIGKILL');
    await once(shell, 'exit');
  }
  await rig.stop();
});
