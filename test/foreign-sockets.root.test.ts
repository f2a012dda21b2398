/** Sockets with a protocol's number that are none of its own. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { startRig } from './rig.ts';

/** Raw sockets of TCP and UDP, and netlink of TCP's number (XFRM, where the kernel has it), all connected. */
const script = `
  my $loopback = pack 'S n a4 x8', 2, 0, "\\x7f\\0\\0\\1";
  for my $protocol (6, 17) {
    my $raw;
    socket($raw, 2, 3, $protocol) or die $!;
    connect($raw, $loopback) or die $!;
    push @held, $raw;
  }
  my $netlink;
  socket($netlink, 16, 3, 6) and connect($netlink, pack 'S S L L', 16, 0, 0, 0);
  $| = 1;
  print 'ready';
  <STDIN>;`;

test('raw sockets and netlink are not taken for TCP or UDP', { timeout: 60_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const holder = spawn('nsenter', [`--net=${at.path}`, 'perl', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
    assert.equal(holder.exitCode, null);
    await using rig = await startRig({ namespaces: [at.path], signals: { udp: 'on' } });
    await stage.pair({ clientAt: at }); // its rows say that the sweep was there
    for (let window = 0; window < 2; window++) await rig.nextWindow();
    await rig.stop();
    const flows = rig.flows();
    assert.deepEqual([...new Set(flows.map((flow) => flow['process.name']))].sort(), ['client', 'server']);
    assert.ok(rig.windows.every((window) => window['connections.adopted'] === 0));
  } finally {
    const ended = holder.exitCode === null && once(holder, 'exit');
    holder.stdin.end();
    await ended;
  }
});
