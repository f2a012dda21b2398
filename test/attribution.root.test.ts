/**
 * Who owns what: what is older than the agent, what was accepted by somebody else, and what a restart must
 * not invent.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { eventually, startRig } from './rig.ts';

function rows(flows: readonly FlowRecord[], netns: number): FlowRecord[] {
  return flows.filter((flow) => flow['network.namespace'] === netns);
}

test('a listener and a connection older than the agent are attributed', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const old = await stage.pair({ clientAt: at, clientName: 'old-client', serverName: 'old-server' });
  await old.client.send(old.c, 500);
  await old.server.receive(old.s, 500);

  await using rig = await startRig({ namespaces: [at.path] });
  await old.client.send(old.c, 70);
  await old.server.receive(old.s, 70);
  // A new connection to the old listener: its record comes from the scan.
  const fresh = await at.actor('new-client');
  const socket = await fresh.socket('tcp4');
  await fresh.connect(socket, { ip: '127.0.0.1', port: 7000 });
  await rig.nextWindow();
  const window = await rig.nextWindow();

  const open = rows(rig.flows(), at.inode).filter((row) => row['connection.state'] === 'open');
  const [client] = open.filter((row) => row['process.name'] === 'old-client');
  const server = open.filter((row) => row['process.name'] === 'old-server');
  assert.equal(client?.direction, 'egress', 'who opened it is known although nobody saw it');
  assert.equal(client['destination.port'], 7000);
  assert.equal(client.attribution, 'scanned');
  assert.equal(client.latency_ms, null);
  assert.ok(server.every((row) => row.direction === 'ingress' && row['source.ip'] === '127.0.0.1'));
  const adopted = rows(rig.flows(), at.inode).reduce((sum, row) => sum + row['connections.adopted'], 0);
  const opened = rows(rig.flows(), at.inode).reduce((sum, row) => sum + row['connections.opened'], 0);
  assert.equal(adopted, 2, 'both ends of the old connection are adopted');
  // The second connection waits in the accept queue: in nobody's file table, told when it ends. Its client
  // end is open.
  assert.equal(opened, 1);
  const sent = rows(rig.flows(), at.inode).filter((row) => row['process.name'] === 'old-client');
  assert.equal(
    sent.reduce((sum, row) => sum + row['bytes.sent'], 0),
    70,
    'only what was sent since',
  );
  assert.deepEqual(
    window['coverage.namespaces'].map((c) => c.difference),
    [{}],
  );
});

test('old connections end like all others', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const old = await stage.pair({ clientAt: at, clientName: 'old-client', serverName: 'old-server' });
  await using rig = await startRig({ namespaces: [at.path] });
  await old.client.close(old.c);
  await old.server.receiveEnd(old.s);
  await old.server.close(old.s);
  const ended = () => rig.connections.filter((r) => r['close.reason'] !== undefined);
  assert.ok(await eventually(() => ended().length === 2, 5000));
  for (const record of ended()) {
    assert.equal(record['connection.state'], 'closed');
    assert.equal(record['connection.adopted'], true);
    assert.equal(record['connection.duration_ms'], undefined, 'when it began nobody knows');
    assert.equal(record['process.name'], record.direction === 'egress' ? 'old-client' : 'old-server');
  }
  await rig.stop();
  assert.equal(
    rig.windows.reduce((sum, window) => sum + window['connections.opened'], 0),
    0,
  );
});

test('a restart invents no opens', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const pair = await stage.pair({ clientAt: at });
  for (let run = 0; run < 3; run++) {
    await using rig = await startRig({ namespaces: [at.path] });
    await pair.client.send(pair.c, 10);
    await pair.server.receive(pair.s, 10);
    await rig.nextWindow();
    await rig.stop();
    const sum = (
      name:
        'connections.opened' | 'connections.adopted' | 'connections.abandoned' | 'connections.established',
    ) => rig.windows.reduce((total, window) => total + window[name], 0);
    assert.equal(sum('connections.opened'), 0);
    assert.equal(sum('connections.established'), 0);
    assert.equal(sum('connections.adopted'), 2);
    assert.equal(sum('connections.abandoned'), 2);
    assert.equal(rig.connections.length, 0);
  }
});

test('the process that serves an inherited listener is named', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const { server, listener } = await stage.listening({ at, ip: '127.0.0.1', port: 7100, name: 'parent' });
  const worker = await server.fork('worker');
  await using rig = await startRig({ namespaces: [at.path] });
  const client = await at.actor('client');
  const c = await client.socket('tcp4');
  await client.connect(c, { ip: '127.0.0.1', port: 7100 });
  const s = await worker.accept(listener);
  await rig.nextWindow();
  await rig.nextWindow();
  const open = rows(rig.flows(), at.inode).filter(
    (row) => row.direction === 'ingress' && row['connections.open'] === 1,
  );
  assert.deepEqual(
    [...new Set(open.map((row) => row['process.name']))],
    ['worker'],
    'while it is open, from the file table',
  );
  assert.equal(open[0]?.attribution, 'scanned');
  await worker.close(s);
  await client.close(c);
  const ended = () =>
    rig.connections.find((r) => r.direction === 'ingress' && r['close.reason'] !== undefined);
  assert.ok(await eventually(() => ended() !== undefined, 5000));
  assert.equal(ended()?.['process.name'], 'worker');
});

test('who has a connection when its opener has exited is named from then on', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path], window: '200ms' });
  const pair = await stage.pair({ clientAt: at, clientName: 'parent' });
  await pair.client.send(pair.c, 100);
  await pair.server.receive(pair.s, 100);
  await rig.nextWindow();
  const child = await pair.client.fork('child');
  for (let window = 0; window < 3; window++) await rig.nextWindow();
  const of = (name: string) => rows(rig.flows(), at.inode).filter((row) => row['process.name'] === name);
  assert.equal(of('child').length, 0, 'as long as the opener has it, it is his');
  await pair.client.exit();
  for (let window = 0; window < 3; window++) await rig.nextWindow();
  await child.send(pair.c, 50);
  await pair.server.receive(pair.s, 50);
  await rig.nextWindow();
  await child.close(pair.c);
  await pair.server.receiveEnd(pair.s);
  const ended = () =>
    rig.connections.find((r) => r.direction === 'egress' && r['close.reason'] !== undefined);
  assert.ok(await eventually(() => ended() !== undefined, 5000));
  await rig.stop();
  assert.deepEqual([ended()?.['process.name'], ended()?.['process.pid']], ['child', child.pid]);
  const sums = (name: string) =>
    (['connections.opened', 'connections.ended', 'bytes.sent'] as const).map((count) =>
      of(name).reduce((sum, row) => sum + row[count], 0),
    );
  assert.deepEqual(sums('parent'), [1, 0, 100], 'what he opened and sent stays his');
  assert.deepEqual(sums('child'), [0, 1, 50]);
  assert.ok(of('child').every((row) => row.attribution === 'scanned'));
});

test('a process that connects and then runs another program', { timeout: 60_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await stage.listening({ at, ip: '127.0.0.1', port: 7200 });
  await using rig = await startRig({ namespaces: [at.path], window: '200ms' });
  const script = 'exec 3<>/dev/tcp/127.0.0.1/7200; echo; read -r; exec sleep 60';
  const shell = spawn('nsenter', [`--net=${at.path}`, 'bash', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(shell.stdout, 'data');
    const egress = (name: string) =>
      rows(rig.flows(), at.inode).filter((row) => row.direction === 'egress' && row['process.name'] === name);
    while (egress('bash').length === 0) await rig.nextWindow();
    shell.stdin.end('\n');
    while (egress('sleep').length === 0) await rig.nextWindow();
    assert.match(egress('sleep')[0]?.['process.executable.path'] ?? '', /sleep$/);
    const opened = (name: string) => egress(name).reduce((sum, row) => sum + row['connections.opened'], 0);
    assert.deepEqual([opened('bash'), opened('sleep')], [1, 0], 'the shell opened it');
  } finally {
    shell.kill('SIGKILL');
    await once(shell, 'exit');
  }
});

test('only the namespaces in scope are counted', async () => {
  await using stage = new Stage();
  const [inside, outside] = [await stage.namespace('inside'), await stage.namespace('outside')];
  await using rig = await startRig({ namespaces: [inside.path] });
  for (const at of [inside, outside]) {
    const pair = await stage.pair({ clientAt: at });
    await pair.client.close(pair.c);
    await pair.server.receiveEnd(pair.s);
    await pair.server.close(pair.s);
  }
  assert.ok(await eventually(() => rig.connections.length >= 4, 5000));
  await rig.stop();
  const seen = new Set([
    ...rig.flows().map((f) => f['network.namespace']),
    ...rig.connections.map((c) => c['network.namespace']),
  ]);
  assert.deepEqual([...seen], [inside.inode]);
});

test('every record carries the seven labels', async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  await using rig = await startRig({ namespaces: [left.path, right.path], environment: 'lab' });
  const pair = await stage.pair({ clientAt: left, serverAt: right, ip: '10.31.2.2' });
  await pair.client.close(pair.c);
  await pair.server.receiveEnd(pair.s);
  await pair.server.close(pair.s);
  await eventually(() => rig.connections.length >= 4, 5000);
  await rig.stop();
  const records = [...rig.flows(), ...rig.connections];
  assert.ok(records.length >= 6);
  for (const record of records) {
    assert.match(record['host.name'], /./);
    assert.ok(['client', 'server'].includes(record['process.name']));
    assert.equal(record['destination.ip'], '10.31.2.2');
    assert.equal(record['destination.port'], 7000);
    assert.ok(['open', 'closed'].includes(record['connection.state']));
    assert.equal(record.environment, 'lab');
    assert.equal(typeof record.latency_ms, 'number', 'a handshake was seen');
  }
  assert.deepEqual(
    rig.windows.flatMap((w) => Object.keys(w.unlabelled)),
    [],
  );
});
