/** UDP flows of programs as they are: a resolver, and those that ask it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { noUdp, startUdpRig, udpSums } from './udp-sums.ts';

/** A resolver that knows one name; it goes with the test. */
async function resolver(at: Namespace): Promise<AsyncDisposable> {
  const options = [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
  ];
  const knows = ['--no-resolv', '--no-hosts', '--address=/one.example/192.0.2.7'];
  const listens = ['--listen-address=127.0.0.1', '--bind-interfaces', '--port=53'];
  const child = spawn('nsenter', [`--net=${at.path}`, 'dnsmasq', ...options, ...knows, ...listens], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const text of child.stderr as AsyncIterable<Buffer>)
    if (text.includes('started, version')) break;
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
}

test('dig asks dnsmasq', { timeout: 60_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const ask = (...words: string[]) =>
    at.run(['dig', '@127.0.0.1', '+short', '+nocookie', '+tries=1', '+timeout=5', ...words]);
  {
    await using _ = await resolver(at);
    assert.equal((await ask('one.example')).trim(), '192.0.2.7');
    assert.equal((await ask('one.example', 'A')).trim(), '192.0.2.7');
  }
  await assert.rejects(ask('-p', '5399', 'one.example'), /connection refused/);
  await rig.nextWindow();
  await rig.nextWindow();
  await rig.stop();

  const flows = rig.flows();
  const sums = udpSums(flows);
  const [asked, answered] = [sums['dig egress 127.0.0.1 53'], sums['dnsmasq ingress 127.0.0.1 53']];
  assert.ok(asked && answered);
  // A header of 12, the name of 13, type and class of 4, EDNS of 11; the answer has a record of 16 more.
  const once2 = { ...noUdp, opened: 2, closed: 2, datagramsSent: 2, datagramsReceived: 2 };
  assert.deepEqual(asked, { ...once2, bytesSent: 2 * 40, bytesReceived: 2 * 56 });
  assert.deepEqual(answered, { ...once2, bytesSent: 2 * 56, bytesReceived: 2 * 40 });
  assert.deepEqual(
    { ...sums['dig egress 127.0.0.1 5399'] },
    { ...noUdp, opened: 1, refused: 1, bytesSent: 40, datagramsSent: 1 },
  );
  assert.deepEqual(Object.keys(sums).length, 3);
  const paths = new Set(flows.map((flow) => flow['process.executable.path']?.split('/').at(-1)));
  assert.deepEqual([...paths].sort(), ['dig', 'dnsmasq']);
});
