/** The otlp exporter and what is around it, against real servers that behave as badly as they can. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { certificate } from '../../../../test/certificates.ts';
import { connection, telling } from '../../../../test/observations.ts';
import { readLogsRequest } from '../../../../test/otlp-reader.ts';
import { eventually } from '../../../../test/rig.ts';
import { folderOf, sending, type Sending } from '../../../../test/sending.ts';
import { manualClock, systemClock } from '../../../lib/clock.ts';
import type { ConnectionRecord } from '../../../model/record.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { exporter } from './otlp.ts';

const record = (n: number, change: Partial<ConnectionRecord> = {}): ConnectionRecord => ({
  ...connectionRecord(connection({ cookie: n }), telling, wallTimes(manualClock())),
  ...change,
});
const range = (count: number): ConnectionRecord[] => Array.from({ length: count }, (_, i) => record(i + 1));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

type Answer = (response: ServerResponse, request: IncomingMessage, body: Buffer) => void;

const say =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

interface Receiver {
  readonly server: Server;
  /** What the next requests are answered; then all is taken. */
  readonly next: Answer[];
  /** Which records were taken, in order; when each request came; its headers. */
  readonly taken: number[];
  readonly times: number[];
  readonly headers: IncomingMessage['headers'][];
  readonly listener: RequestListener;
}

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === 'gzip') return gunzipSync(body);
  return encoding === 'zstd' ? zstdDecompressSync(body) : body;
}

function cookies(body: Buffer, type: string | undefined): number[] {
  const ids =
    type === 'application/json'
      ? [...body.toString().matchAll(/"b-1-(\d+)-1"/g)].map(([, n]) => n)
      : readLogsRequest(body).map((r) => (r.attributes['connection.id']?.[1] as string).split('-')[2]);
  return ids.map(Number);
}

function receiver(t: TestContext, create: (listener: RequestListener) => Server = createServer): Receiver {
  const [next, taken, times, headers]: [Answer[], number[], number[], IncomingMessage['headers'][]] = [
    [],
    [],
    [],
    [],
  ];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    times.push(systemClock.wallMs());
    headers.push(request.headers);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined); // ours to cause
    request.on('end', () => {
      assert.equal(`${request.method} ${request.url}`, 'POST /v1/logs');
      const body = decompress(Buffer.concat(chunks), request.headers['content-encoding']);
      const answer = next.shift();
      if (answer) {
        answer(response, request, body);
        return;
      }
      taken.push(...cookies(body, request.headers['content-type']));
      response.end();
    });
  };
  const server = create(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, next, taken, times, headers, listener };
}

async function listen({ server }: Receiver, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function start(
  t: TestContext,
  options: Record<string, unknown> = {},
): Promise<Sending & { to: Receiver }> {
  const to = receiver(t);
  const endpoint = `http://127.0.0.1:${String(await listen(to))}`;
  return { ...(await sending(t, 'otlp', { endpoint, ...options })), to };
}

describe('otlp', () => {
  for (const compression of ['gzip', 'zstd', 'none'])
    for (const protocol of ['http/protobuf', 'http/json'])
      test(`${protocol}, ${compression}: every record, in order, in many requests`, async (t) => {
        const { to, delivery, done } = await start(t, { compression, protocol, batch: '20kB' });
        await delivery.deliver(range(300));
        await done();
        assert.deepEqual(to.taken, numbers(300));
        assert.ok(to.times.length > 5);
        assert.deepEqual(delivery.losses(), {});
      });

  test('headers, from the configuration and from a file', async (t) => {
    const file = join(folderOf(t), 'headers');
    writeFileSync(file, '# for the gateway\nAuthorization: Bearer a:b\n\n');
    const { to, delivery, done } = await start(t, { headers: { 'x-scope': 'team' }, headers_file: file });
    await delivery.deliver(range(1));
    await done();
    const [headers] = to.headers;
    assert.deepEqual([headers?.['x-scope'], headers?.authorization], ['team', 'Bearer a:b']);
  });
});

describe('a receiver that', () => {
  test('is not there yet', async (t) => {
    const to = receiver(t);
    const port = await listen(to);
    to.server.close();
    await once(to.server, 'close');
    const { delivery, done, lines } = await sending(t, 'otlp', {
      endpoint: `http://127.0.0.1:${String(port)}`,
    });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /^exporter otlp: connect ECONNREFUSED .*; 3 records wait in the spool$/);
    await listen(to, port);
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
  });

  test('breaks the connection, before it answers and amid its answer', async (t) => {
    const { to, delivery, done } = await start(t);
    to.next.push(
      (_, request) => request.socket.resetAndDestroy(),
      (response) => {
        response.writeHead(200, { 'content-length': '100' }).write('half');
        setTimeout(() => response.destroy(), 10);
      },
    );
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
    assert.equal(to.times.length, 3);
  });

  test('closed the connection while nothing was sent: not even a failure', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    await delivery.deliver(range(1));
    await done();
    to.server.closeAllConnections();
    await delivery.deliver([record(2)]);
    await done();
    assert.deepEqual(to.taken, [1, 2]);
    assert.deepEqual(lines, []);
  });

  test('does not answer', async (t) => {
    const { to, delivery, done, lines } = await start(t, { timeout: '200ms' });
    to.next.push(() => undefined);
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
    assert.match(lines[0]!, /no answer within 200 ms/);
  });

  test('is busy: again, not before it said, by seconds and by date', async (t) => {
    const { to, delivery, done } = await start(t);
    const inASecond = (): string => new Date(systemClock.wallMs() + 2000).toUTCString();
    to.next.push(say(429, { 'retry-after': '1' }), (response) => {
      say(503, { 'retry-after': inASecond() })(response, to as never, Buffer.alloc(0));
    });
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
    const [first, second, third] = to.times;
    assert.ok(second! - first! >= 990, `after ${second! - first!} ms`);
    assert.ok(third! - second! >= 900, `after ${third! - second!} ms`);
  });

  test('fails for a while', async (t) => {
    const { to, delivery, done } = await start(t);
    to.next.push(say(502), say(503), say(504));
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
    assert.deepEqual(delivery.losses(), {});
  });

  const page = (status: number) => say(status, { 'content-type': 'text/html' }, '<h1>a page</h1>');
  for (const [what, answer, line] of [
    ['a token', say(401), /answers 401 to http:.*\/v1\/logs; correct the options/],
    ['a path', say(404, {}, 'no page'), /answers 404 to \S+ no page; correct/],
    ['an address', say(301, { location: 'https://a.example/' }), /301 to \S+ \(see https:\S+\);/],
    ['a site without POST', page(405), /answers 405/],
    ['a site that likes everything', page(200), /answers 200 to/],
    ['an encoding', say(415), /answers 415/],
    ['the name of a hub', say(421), /answers 421/],
    ['TLS', say(400, {}, 'Client sent an HTTP request to an HTTPS server.'), /400 to \S+ Client sent/],
  ] as const)
    test(`finds our options wrong, ${what}: nothing is thrown away`, async (t) => {
      const { to, delivery, done, lines } = await start(t);
      to.next.push(answer);
      await delivery.deliver(range(3));
      await done();
      assert.deepEqual(to.taken, [1, 2, 3]);
      assert.deepEqual(delivery.losses(), {});
      assert.match(lines[0]!, line);
    });

  test('takes no more than so much at once; what is too much alone is counted', async (t) => {
    const { to, delivery, done, lines } = await start(t, { compression: 'none' });
    const most = 8000;
    const picky: Answer = (response, _, body) => {
      to.next.push(picky);
      if (body.length > most) {
        say(413)(response, _, body);
        return;
      }
      to.taken.push(...cookies(body, undefined));
      response.end();
    };
    to.next.push(picky);
    const all = range(100);
    all[41] = record(42, { 'process.name': 'x'.repeat(most) });
    await delivery.deliver(all);
    await done();
    assert.deepEqual(
      to.taken,
      numbers(100).filter((n) => n !== 42),
    );
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.too_large': 1 });
    assert.match(lines[0]!, /too_large: the receiver answers 413/);
  });

  test('rejects some of what it takes, as JSON and as protobuf', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    const partialSuccess = { rejectedLogRecords: '2', errorMessage: 'older than\u001b[2J a day' };
    to.next.push(say(200, { 'content-type': 'application/json' }, JSON.stringify({ partialSuccess })));
    await delivery.deliver(range(5));
    await done();
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.rejected': 2 });
    assert.match(lines[0]!, /2 records rejected: older than\\x1b\[2J a day/);
    to.next.push(say(200, { 'content-type': 'application/x-protobuf' }, '\n\u0002\b\u0003'));
    await delivery.deliver(range(5));
    await done();
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.rejected': 5 });
    assert.equal(to.times.length, 2, 'they are not sent again');
  });

  test('refuses: counted, and on with the next', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    to.next.push(say(400, { 'content-type': 'text/plain' }, 'no such tenant'));
    await delivery.deliver(range(5));
    await done();
    await delivery.deliver([record(6)]);
    await done();
    assert.deepEqual(to.taken, [6]);
    assert.deepEqual(delivery.losses(), { 'deliver.otlp.rejected': 5 });
    assert.match(lines[0]!, /rejected: the receiver answers 400 no such tenant/);
  });

  test('refuses and does not say in which type it speaks: its words are shown', async (t) => {
    const { to, delivery, done, lines } = await start(t);
    to.next.push(say(500, {}, 'out of order'));
    await delivery.deliver(range(1));
    await done();
    assert.match(lines[0]!, /rejected: the receiver answers 500 out of order/);
  });
});

describe('TLS', () => {
  async function secure(t: TestContext, clientCa?: string) {
    const folder = folderOf(t);
    const own = certificate(folder, 'receiver');
    const client = certificate(folder, 'agent');
    const options = {
      key: readFileSync(own.key),
      cert: readFileSync(own.cert),
      ...(clientCa === undefined
        ? {}
        : { requestCert: true, rejectUnauthorized: true, ca: readFileSync(client.cert) }),
    };
    const to = receiver(t, (listener) => createTlsServer(options, listener));
    return { to, own, client, endpoint: `https://127.0.0.1:${String(await listen(to))}` };
  }

  test('with the authority that is named, and a certificate of our own', async (t) => {
    const { to, own, client, endpoint } = await secure(t, 'asks for one');
    const tls = { ca_file: own.cert, cert_file: client.cert, key_file: client.key };
    const { delivery, done } = await sending(t, 'otlp', { endpoint, tls });
    await delivery.deliver(range(3));
    await done();
    assert.deepEqual(to.taken, [1, 2, 3]);
  });

  test('who has no certificate is told, and loses nothing', async (t) => {
    const { to, own, endpoint } = await secure(t, 'asks for one');
    const { delivery, lines } = await sending(t, 'otlp', { endpoint, tls: { ca_file: own.cert } });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /3 records wait in the spool/);
    assert.deepEqual([to.taken, delivery.losses()], [[], {}]);
  });

  test('an unknown authority gets nothing, unless nobody is to look', async (t) => {
    const { to, endpoint } = await secure(t);
    const { delivery, lines } = await sending(t, 'otlp', { endpoint });
    await delivery.deliver(range(3));
    assert.ok(await eventually(() => lines.length > 0, 30_000));
    assert.match(lines[0]!, /self-signed certificate/);
    assert.deepEqual(to.taken, []);
    const careless = await sending(t, 'otlp', { endpoint, tls: { insecure_skip_verify: true } });
    await careless.delivery.deliver(range(3));
    await careless.done();
    assert.deepEqual(to.taken, [1, 2, 3]);
  });
});

describe('options that cannot work are found when it opens', () => {
  for (const [what, options, reason] of [
    ['a file that is not there', { endpoint: 'https://127.0.0.1', tls: { ca_file: '/none.pem' } }, /ENOENT/],
    ['files for TLS without it', { tls: { ca_file: '/none.pem' } }, /none\.pem is for TLS, and http:/],
    ['a header that is none', { headers: { 'a b': 'c' } }, /Header name/],
    ['a file of headers that is not there', { headers_file: '/none' }, /ENOENT/],
    ['a file of headers that has none', { headers_file: '/etc/hostname' }, /not written as Name: value/],
  ] as const) {
    test(what, async (t) => {
      await assert.rejects(sending(t, 'otlp', options), reason);
    });
  }

  test('a password in the endpoint, and another protocol', () => {
    for (const endpoint of ['http://a:b@127.0.0.1', 'ftp://127.0.0.1', 'localhost:4318'])
      assert.equal(exporter.schema.safeParse({ endpoint }).success, false, endpoint);
  });
});
