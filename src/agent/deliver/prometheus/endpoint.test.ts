import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { row } from '../../../../test/observations.ts';
import { standing } from '../../../../test/standing.ts';
import { toldWindows } from '../../../../test/told-windows.ts';
import { manualClock } from '../../../lib/clock.ts';
import { formatOperatorError, isOperatorError } from '../../../lib/errors.ts';
import { silentLog } from '../../../lib/log.ts';
import type { Vitals } from '../../../model/vitals.ts';
import { openExporters } from '../exporter.ts';
import { exporter } from '../exporters/prometheus.ts';
import { openEndpoint, type Endpoint } from './endpoint.ts';
import { listenerLimits } from './http.ts';

interface Opened {
  readonly endpoint: Endpoint;
  /** How the agent stands; undefined: it is starting. */
  stands: Vitals | undefined;
}

async function opened(t: TestContext): Promise<Opened> {
  const of = { stands: standing as Vitals | undefined };
  const endpoint = await openEndpoint(
    { ...exporter.schema.parse({}), listen: { host: '127.0.0.1', port: 0 } },
    { clock: manualClock(), log: silentLog, vitals: () => of.stands },
  );
  t.after(() => endpoint[Symbol.asyncDispose]());
  return Object.assign(of, { endpoint });
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

async function get(
  { port }: Endpoint,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const asking = request({ port, host: '127.0.0.1', path, method, headers, agent: false }).end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

/** What comes back on a connection for these bytes, until it is closed. */
async function say({ port }: Endpoint, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', (error) => (text += error.message)); // it may be closed before all is sent
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

function send({ endpoint }: Opened, count: number): Promise<unknown> {
  return endpoint.deliver(
    toldWindows().close([row({ sums: { opened: count } })]),
    new AbortController().signal,
  );
}

describe('/metrics', () => {
  test('is OpenMetrics, or text for those who ask, and never kept', async (t) => {
    const at = await opened(t);
    await send(at, 3);
    const [own, text] = [
      await get(at.endpoint, '/metrics?x=1'),
      await get(at.endpoint, '/metrics', { headers: { accept: 'text/plain' } }),
    ];
    assert.equal(own.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    assert.equal(text.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.match(own.body.toString(), /\n# EOF\n$/);
    assert.doesNotMatch(text.body.toString(), /EOF/);
    for (const { body, headers, status } of [own, text]) {
      assert.equal(status, 200);
      assert.equal(headers['cache-control'], 'no-store');
      assert.match(body.toString(), /^sonde_connections_opened_total\{.*process="curl".*\} 3$/m);
    }
  });

  test('is compressed where that is understood', async (t) => {
    const at = await opened(t);
    await send(at, 3);
    const packed = await get(at.endpoint, '/metrics', { headers: { 'accept-encoding': 'br, gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.match(gunzipSync(packed.body).toString(), /\n# EOF\n$/);
    const refused = await get(at.endpoint, '/metrics', { headers: { 'accept-encoding': 'gzip;q=0' } });
    assert.equal(refused.headers['content-encoding'], undefined);
  });

  test('says how the agent stands', async (t) => {
    const at = await opened(t);
    const lines = (await get(at.endpoint, '/metrics')).body.toString().split('\n');
    for (const line of [
      'sonde_exporter_behind_bytes{exporter="otlp"} 500',
      'sonde_exporter_last_delivery_timestamp_seconds{exporter="otlp"} 1767225601.5',
      'sonde_budget_step{step="failures"} 1',
      'sonde_budget_step{step="everything"} 0',
      'sonde_budget_cpu_limit_ratio 0.25',
      'sonde_counting 1',
      'sonde_windows_total 0',
      'sonde_series_limit 10000',
    ])
      assert.ok(lines.includes(line), line);
    assert.ok(lines.some((line) => /^sonde_build_info\{version="\d/.test(line)));
  });
});

test('/healthz and /readyz say in a line why', async (t) => {
  const at = await opened(t);
  const told = async () =>
    Promise.all(
      ['/healthz', '/readyz'].map(async (path) => {
        const { status, body } = await get(at.endpoint, path);
        assert.match(body.toString(), /^[^\n]+\n$/);
        return status;
      }),
    );
  assert.deepEqual(await told(), [200, 200]);
  at.stands = undefined;
  assert.deepEqual(await told(), [200, 503]);
  at.stands = { ...standing, quietMs: 1e6, windowAgoMs: 1e6 };
  assert.deepEqual(await told(), [503, 503]);
});

describe('who asks badly', () => {
  const bad: readonly (readonly [what: string, bytes: string | Buffer, answer: RegExp])[] = [
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['bytes', Buffer.alloc(4096, 0xff), /^HTTP\/1\.1 400 /],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), /^HTTP\/1\.1 400 /],
    [
      'too many header bytes',
      `GET /metrics HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(listenerLimits.headerBytesMax)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      'a path without an end',
      `GET /${'a'.repeat(listenerLimits.headerBytesMax)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    ['a body', 'POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n', /^HTTP\/1\.1 405 /],
    [
      'a body with GET',
      'GET /readyz HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n',
      /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n/i,
    ],
    [
      'another path',
      'GET /../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      /^HTTP\/1\.1 404 /,
    ],
  ];
  for (const [what, bytes, answer] of bad)
    test(`${what} is refused, and the next is answered`, async (t) => {
      const { endpoint } = await opened(t);
      assert.match(await say(endpoint, bytes), answer);
      assert.equal((await get(endpoint, '/readyz')).status, 200);
    });

  test('HEAD has the head', async (t) => {
    const { endpoint } = await opened(t);
    const { status, headers, body } = await get(endpoint, '/metrics', { method: 'HEAD' });
    assert.equal(status, 200);
    assert.ok(Number(headers['content-length']) > 0);
    assert.equal(body.length, 0);
  });

  test('connections that say nothing do not hold up the end', async () => {
    const endpoint = await openEndpoint(
      { ...exporter.schema.parse({}), listen: { host: '127.0.0.1', port: 0 } },
      { clock: manualClock(), log: silentLog },
    );
    const socket = connect(endpoint.port, '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await endpoint[Symbol.asyncDispose]();
    await closed;
  });
});

test('a port in use is the operator\u2019s to mend, in one line', async (t) => {
  const { endpoint } = await opened(t);
  const options = exporter.schema.parse({ listen: `127.0.0.1:${String(endpoint.port)}` });
  await assert.rejects(
    openExporters({ prometheus: options }, { clock: manualClock(), log: silentLog }),
    (error) => {
      assert.ok(isOperatorError(error) && error.code === 'config.exporter');
      assert.match(
        formatOperatorError(error),
        /^sonde: exporter prometheus cannot be opened \(.*EADDRINUSE.*127\.0\.0\.1:\d+\); correct its options .*$/,
      );
      return true;
    },
  );
});

describe('its options', () => {
  const bad = [
    [{ listen: 'everywhere' }, /must be ADDRESS:PORT, such as 127\.0\.0\.1:9464; got everywhere/],
    [{ listen: 'localhost:9464' }, /localhost is not an IP address/],
    [{ listen: '127.0.0.1:99999' }, /must be ADDRESS:PORT/],
    [{ labels: ['process.pid'] }, /Invalid option/],
    [{ labels: ['source.ip'] }, /Invalid option/],
    [{ series_max: 10 }, />=500/],
    [{ ports: [0] }, />=1/],
  ] as const;
  for (const [options, message] of bad)
    test(`${JSON.stringify(options)} is refused`, () => {
      assert.match(exporter.schema.safeParse(options).error?.message ?? '', message);
    });

  test('IPv6 is written in brackets', () => {
    assert.deepEqual(exporter.schema.parse({ listen: '[::1]:9464' }).listen, { host: '::1', port: 9464 });
  });
});
