/** Real programs as the traffic, between two hosts and a router: names, ports, directions, outcomes, counts. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { routedAddress, type Namespace, type Routed } from '../../lab/namespaces.ts';
import { Stage } from '../../lab/stage.ts';
import type { FlowRecord } from '../../src/model/record.ts';
import { startRig, type Rig } from '../rig.ts';
import { dnsmasq, nginx, postgres, redis, run, sshd, type Place, type Server } from './servers.ts';

const ip = routedAddress.right.v4;

/** What ended, one line per process, direction, port and state, with how many. Sorted. */
function summed(all: readonly FlowRecord[], transport: 'tcp' | 'udp' = 'tcp'): string[] {
  const counts = new Map<string, number>();
  for (const flow of all.filter((of) => of['network.transport'] === transport)) {
    const { direction, 'destination.port': port, 'connection.state': state } = flow;
    const key = [flow['process.name'], direction, port, state].join(' ');
    if (flow['connections.ended'] > 0) counts.set(key, (counts.get(key) ?? 0) + flow['connections.ended']);
  }
  return [...counts].map(([key, count]) => `${key} ${String(count)}`).sort();
}

describe('programs that nobody here wrote', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-programs-'));
  chmodSync(folder, 0o755);
  const stage = new Stage();
  let hosts: Routed;
  let rig: Rig;

  before(async () => {
    hosts = await stage.routed();
    await hosts.right.filter(['tcp dport 82 drop']);
    const namespaces = [hosts.left.path, hosts.right.path];
    rig = await startRig({ namespaces, profile: 'full' }, { watch: false });
    const { signals } = await rig.nextWindow();
    for (const name of ['udp', 'dns'])
      assert.ok(
        signals.some((of) => of === name),
        name,
      );
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Starts a server on the right and lets the left talk to it; what Sonde says of it, and nothing unexplained. */
  async function told(
    start: (place: Place) => Promise<Server>,
    talk: (from: Namespace) => void,
  ): Promise<FlowRecord[]> {
    const before = rig.flows().length;
    {
      await using _server = await start({ at: hosts.right, ip, folder });
      talk(hosts.left);
      await Promise.all([hosts.left.settled(), hosts.right.settled()]);
    }
    await rig.nextWindow();
    const window = await rig.nextWindow();
    for (const coverage of window['coverage.namespaces'])
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
    const flows = rig.flows().slice(before);
    // A refusal is the kernel's own, which has no executable.
    for (const flow of flows.filter(({ refusals }) => refusals === undefined)) {
      const [name, path = ''] = [flow['process.name'], flow['process.executable.path']];
      // Debian's redis is one program under several names, its chromium a folder of its own.
      assert.match(path, new RegExp(`/(${name}|redis-check-rdb)$`));
    }
    return flows;
  }

  test('nginx and curl: answered, refused, swallowed on its way', async () => {
    const flows = await told(nginx, (from) => {
      for (let i = 0; i < 5; i++) {
        // Two requests, one connection.
        assert.equal(run(from, 'curl', '-sS', `http://${ip}/`, `http://${ip}/`).stdout, 'hellohello');
      }
      assert.equal(run(from, 'curl', '-s', `http://${ip}:81/`).status, 7);
      // Longer than the first retransmission takes, shorter than the kernel waits.
      assert.equal(run(from, 'curl', '-s', '--connect-timeout', '2', `http://${ip}:82/`).status, 28);
    });
    assert.deepEqual(summed(flows), [
      'curl egress 80 closed 5',
      'curl egress 81 refused 1',
      'curl egress 82 timed_out 1',
      'nginx ingress 80 closed 5',
    ]);
  });

  test('a browser', async () => {
    const flows = await told(nginx, (from) => {
      const quiet = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking'];
      const options = ['headless', 'no-sandbox', ...quiet, `user-data-dir=${join(folder, 'browser')}`];
      const words = [...options.map((option) => `--${option}`), '--dump-dom', `http://${ip}/`];
      assert.match(run(from, 'chromium', ...words).stdout, /hello/);
    });
    // How many connections it takes is its own affair; each has two ends, and is closed at both.
    const opened = flows
      .filter((flow) => flow['process.name'] === 'chromium' && flow['destination.port'] === 80)
      .reduce((sum, flow) => sum + flow['connections.opened'], 0);
    assert.ok(opened > 0);
    assert.deepEqual(summed(flows), [
      `chromium egress 80 closed ${String(opened)}`,
      `nginx ingress 80 closed ${String(opened)}`,
    ]);
  });

  test('redis and its benchmark', async () => {
    const flows = await told(redis, (from) => {
      const words = ['-h', ip, '-c', '20', '-n', '2000', '-t', 'get', '--csv'];
      assert.match(run(from, 'redis-benchmark', ...words).stdout, /"GET"/);
    });
    // One more asks the server for its configuration first.
    assert.deepEqual(summed(flows), [
      'redis-benchmark egress 6379 closed 21',
      'redis-server ingress 6379 closed 21',
    ]);
  });

  test('postgres: a process for each connection', async () => {
    const flows = await told(postgres, (from) => {
      for (let i = 0; i < 4; i++) {
        const ran = run(from, 'psql', '-h', ip, '-U', 'postgres', '-Atc', 'select 1');
        assert.equal(ran.stdout, '1\n', ran.stderr);
      }
    });
    assert.deepEqual(summed(flows), ['postgres ingress 5432 closed 4', 'psql egress 5432 closed 4']);
  });

  test('ssh', async () => {
    const flows = await told(sshd, (from) => {
      const settings = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
      const options = settings.flatMap((setting) => ['-o', setting]);
      const words = ['-F', '/dev/null', ...options, '-i', join(folder, 'sshd/key'), `root@${ip}`, 'echo in'];
      for (let i = 0; i < 3; i++) {
        const { stdout, stderr } = run(from, 'ssh', ...words);
        assert.equal(stdout, 'in\n', stderr);
      }
    });
    assert.deepEqual(summed(flows), ['ssh egress 22 closed 3', 'sshd ingress 22 closed 3']);
  });

  test('a name server over TCP', async () => {
    const flows = await told(dnsmasq, (from) => {
      for (let i = 0; i < 3; i++)
        assert.equal(run(from, 'dig', '+tcp', '+short', `@${ip}`, 'a.test').stdout, '10.9.9.9\n');
    });
    assert.deepEqual(summed(flows), ['dig egress 53 closed 3', 'dnsmasq ingress 53 closed 3']);
  });

  test('a name server over UDP, and what it was asked', async () => {
    const before = rig.records().length;
    const flows = await told(dnsmasq, (from) => {
      for (const [name, answer] of [
        ['a.test', '10.9.9.9\n'],
        ['a.test', '10.9.9.9\n'],
        ['a.elsewhere', ''],
      ] as const)
        assert.equal(run(from, 'dig', '+short', `@${ip}`, name).stdout, answer);
    });
    assert.deepEqual(summed(flows), []);
    assert.deepEqual(summed(flows, 'udp'), ['dig egress 53 closed 3', 'dnsmasq ingress 53 closed 3']);
    const lookups = new Map<string, number>();
    for (const record of rig.records().slice(before)) {
      if (record['event.name'] !== 'sonde.dns') continue;
      const key = [record['process.name'], record['dns.question.name'], record['dns.rcode']].join(' ');
      lookups.set(key, (lookups.get(key) ?? 0) + record['dns.lookups']);
    }
    assert.deepEqual([...lookups].map(([key, count]) => `${key} ${String(count)}`).sort(), [
      'dig a.elsewhere REFUSED 1',
      'dig a.test NOERROR 2',
      'dnsmasq a.elsewhere REFUSED 1',
      'dnsmasq a.test NOERROR 2',
    ]);
  });
});
