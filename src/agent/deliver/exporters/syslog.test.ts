/** The syslog exporter, against servers that break off, hang and are not there. */
import assert from 'node:assert/strict';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { certificate } from '../../../../test/certificates.ts';
import { connection, telling } from '../../../../test/observations.ts';
import { eventually } from '../../../../test/rig.ts';
import { folderOf, sending } from '../../../../test/sending.ts';
import { listenOn, cookieOf, syslogServer, type SyslogServer } from '../../../../test/syslog.ts';
import { manualClock } from '../../../lib/clock.ts';
import type { ConnectionRecord } from '../../../model/record.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { exporter } from './syslog.ts';

const record = (n: number): ConnectionRecord =>
  connectionRecord(connection({ cookie: n }), telling, wallTimes(manualClock()));
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const range = (count: number, from = 0): ConnectionRecord[] => numbers(from, from + count).map(record);

const endpoint = (port: number, scheme = 'tcp'): string => `${scheme}://127.0.0.1:${String(port)}`;
const has = (to: SyslogServer, count: number): Promise<boolean> =>
  eventually(() => to.cookies().length >= count, 30_000);

describe('a syslog server over TCP that', () => {
  test('is not there yet, and then takes all, in order', async (t) => {
    const to = syslogServer(t);
    const port = await listenOn(to);
    to.server.close();
    await once(to.server, 'close');
    const { delivery, done, lines } = await sending(t, 'syslog', { endpoint: endpoint(port) });
    await delivery.deliver(range(300));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /^exporter syslog: connect ECONNREFUSED .*; 300 records wait in the spool$/);
    await listenOn(to, port);
    await done();
    assert.ok(await has(to, 300));
    assert.deepEqual(to.cookies(), numbers(0, 300));
    assert.deepEqual(delivery.losses(), {});
  });

  test('takes a connection and wants nothing of us: nothing counts as delivered', async (t) => {
    const to = syslogServer(t, (socket, place) => {
      if (place < 2) socket.end();
    });
    const { delivery, done, lines } = await sending(t, 'syslog', { endpoint: endpoint(await listenOn(to)) });
    await delivery.deliver(range(3));
    await done();
    assert.match(lines[0]!, /the receiver closed the connection|ECONNRESET|EPIPE/);
    assert.ok(await eventually(() => to.connections[2]?.messages.length === 3, 30_000));
  });

  test('breaks a connection when it liked: what was written last is written again', async (t) => {
    const to = syslogServer(t);
    const { delivery, done } = await sending(t, 'syslog', { endpoint: endpoint(await listenOn(to)) });
    await delivery.deliver(range(3));
    await done();
    assert.ok(await has(to, 3));
    to.sockets[0]!.resetAndDestroy();
    await once(to.sockets[0]!, 'close');
    await delivery.deliver(range(2, 3));
    await done();
    assert.ok(await eventually(() => (to.connections[1]?.messages.length ?? 0) >= 5, 30_000));
    assert.deepEqual(to.connections[1]!.messages.map(cookieOf), [0, 1, 2, 3, 4]);
  });

  test('closes a connection that it has read: nothing is written twice', async (t) => {
    const to = syslogServer(t);
    const { delivery, done, lines } = await sending(t, 'syslog', { endpoint: endpoint(await listenOn(to)) });
    await delivery.deliver(range(3));
    await done();
    assert.ok(await has(to, 3));
    to.sockets[0]!.end();
    await once(to.sockets[0]!, 'close');
    await delivery.deliver(range(2, 3));
    await done();
    assert.ok(await has(to, 5));
    assert.deepEqual(to.cookies(), numbers(0, 5));
    assert.deepEqual(lines, []);
  });

  test('reads slowly: an agent that stops waits for it', async (t) => {
    const to = syslogServer(t, (socket) => socket.pause());
    const { delivery, done } = await sending(t, 'syslog', { endpoint: endpoint(await listenOn(to)) });
    await delivery.deliver(range(50));
    await done();
    to.sockets[0]!.resume();
    await delivery[Symbol.asyncDispose]();
    assert.ok(await has(to, 50));
    assert.deepEqual(to.cookies(), numbers(0, 50));
  });

  test('is to have other records: these are neither delivered nor lost', async (t) => {
    const to = syslogServer(t);
    const options = { endpoint: endpoint(await listenOn(to)), events: ['window'] };
    const { delivery, done } = await sending(t, 'syslog', options);
    await delivery.deliver(range(3));
    await done();
    assert.equal(delivery.status()['syslog']?.deliveredRecords, 0);
    assert.deepEqual([delivery.losses(), to.connections.length], [{}, 0]);
  });
});

describe('a syslog server over TLS that', () => {
  async function secure(t: TestContext) {
    const folder = folderOf(t);
    const authority = certificate(folder, 'authority');
    const [own, client] = [certificate(folder, 'server', authority), certificate(folder, 'agent', authority)];
    const options = {
      key: readFileSync(own.key),
      cert: readFileSync(own.cert),
      ca: readFileSync(authority.cert),
      requestCert: true,
    };
    const to = syslogServer(t, undefined, (listener) => createTlsServer(options, listener));
    return { to, authority, client, endpoint: endpoint(await listenOn(to), 'tls') };
  }

  test('asks for a certificate, and gets one', async (t) => {
    const { to, authority, client, endpoint } = await secure(t);
    const tls = { ca_file: authority.cert, cert_file: client.cert, key_file: client.key };
    const { delivery, done } = await sending(t, 'syslog', { endpoint, tls });
    await delivery.deliver(range(300));
    await done();
    assert.ok(await has(to, 300));
    assert.deepEqual(to.cookies(), numbers(0, 300));
  });

  test('asks for a certificate that we have not: nothing counts as delivered', async (t) => {
    const { to, authority, endpoint } = await secure(t);
    const { delivery, lines } = await sending(t, 'syslog', { endpoint, tls: { ca_file: authority.cert } });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /: TLS: \S* ?alert certificate required; 3 records wait in the spool$/);
    assert.equal(delivery.status()['syslog']?.deliveredRecords, 0);
    assert.deepEqual(to.cookies(), []);
  });

  test('nobody has signed for', async (t) => {
    const { endpoint } = await secure(t);
    const { delivery, lines } = await sending(t, 'syslog', { endpoint });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /self-signed certificate|unable to verify/);
  });

  test('says nothing at all', async (t) => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    t.after(() => mute.close());
    const { port } = mute.address() as AddressInfo;
    const options = { endpoint: endpoint(port, 'tls'), timeout: '1s' };
    const { delivery, lines } = await sending(t, 'syslog', options);
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /no answer within 1000 ms; 3 records wait/);
  });
});

describe('over UDP', () => {
  async function bound(t: TestContext, port = 0): Promise<{ socket: Datagrams; heard: string[] }> {
    const socket = createSocket('udp4');
    const heard: string[] = [];
    socket.on('message', (message) => heard.push(message.toString()));
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    t.after(() => socket.close());
    return { socket, heard };
  }

  test('each message is a datagram', async (t) => {
    const { socket, heard } = await bound(t);
    const { delivery, done } = await sending(t, 'syslog', {
      endpoint: endpoint(socket.address().port, 'udp'),
    });
    await delivery.deliver(range(120));
    await done();
    assert.ok(await eventually(() => heard.length >= 120, 30_000));
    assert.deepEqual(heard.map(cookieOf), numbers(0, 120));
  });

  test('a host that says that nobody listens is heard', async (t) => {
    const free = createSocket('udp4').bind(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address();
    free.close();
    await once(free, 'close');
    const { delivery, done, lines } = await sending(t, 'syslog', { endpoint: endpoint(port, 'udp') });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /ECONNREFUSED.*3 records wait/);
    const { heard } = await bound(t, port);
    await done();
    assert.ok(await eventually(() => heard.length >= 3, 30_000));
  });

  test('what has no room says what it left out, and the log does', async (t) => {
    const { socket, heard } = await bound(t);
    const options = { endpoint: endpoint(socket.address().port, 'udp'), max_size: '1kB' };
    const { delivery, done, lines } = await sending(t, 'syslog', options);
    await delivery.deliver([{ ...record(0), 'process.executable.path': `/${'x'.repeat(2000)}` }]);
    await done();
    assert.ok(await eventually(() => heard.length === 1, 30_000));
    assert.ok(Buffer.byteLength(heard[0]!) <= 1000);
    assert.match(heard[0]!, /"sonde\.truncated":\["process\.executable\.path"/);
    assert.match(lines[0]!, /sonde\.connection had no room for process\.executable\.path/);
  });
});

describe('options that cannot work', () => {
  for (const [what, options] of [
    ['another protocol', { endpoint: 'http://127.0.0.1' }],
    ['messages that are no datagram', { endpoint: 'udp://127.0.0.1', max_size: '100kB' }],
    ['a name with a space', { app_name: 'a b' }],
    ['a kind of records that is none', { events: ['packet'] }],
  ] as const)
    test(what, () => assert.equal(exporter.schema.safeParse(options).success, false));

  test('no host', async (t) => {
    await assert.rejects(sending(t, 'syslog', { endpoint: 'tcp:///var/log' }), /names no host/);
  });
});
