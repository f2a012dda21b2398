import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import type { OperatorError } from '../../lib/errors.ts';
import { nobodyAsks } from '../../../test/nobody-asks.ts';
import { silentLog } from '../../lib/log.ts';
import { loadRoutes, type Route } from './route.ts';
import { openServer, type HubServer, type ServerOptions } from './server.ts';

const limits = { requestBytesMax: 1000, inFlightBytesMax: 1500, requestMsMax: 30_000, stopMsMax: 1000 };

async function serve(options: Partial<ServerOptions> = {}): Promise<HubServer> {
  return openServer({
    listen: { host: '127.0.0.1', port: 0 },
    limits,
    routes: await loadRoutes(),
    parts: {
      intake: { take: () => Promise.reject(new Error('not asked for here')) },
      notReady: () => 'the engine starts',
      status: () => Promise.resolve({ version: '0' }),
      expectations: { list: () => ({ expectations: [], problem: null }) },
      tails: { open: () => Readable.from([]) },
      exports: { rows: () => Promise.reject(new Error('not asked for here')) },
      detect: {
        findings: () => Promise.resolve([]),
        summary: () => Promise.resolve({ detectors: {}, deliveries: {} }),
      },
      ask: nobodyAsks,
    },
    version: '1.2.3',
    webFolder: '/nowhere',
    log: silentLog,
    ...options,
  });
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** fetch() does not let a test choose the Host. */
function ask(url: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: { connection: 'close', ...headers } }, (response) => {
      response.resume();
      resolve(response);
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('answers health, and says what it waits for in problem+json', async () => {
  await using server = await serve();
  assert.deepEqual(await (await fetch(`${server.url}/healthz`)).json(), { ok: true });
  const ready = await fetch(`${server.url}/readyz`);
  assert.equal(ready.status, 503);
  assert.equal(ready.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(await ready.json(), {
    type: 'about:blank',
    title: 'the hub is not ready (the engine starts)',
    status: 503,
    code: 'hub.not_ready',
    detail: 'the hub is not ready (the engine starts)',
    what_to_do: 'wait, GET /readyz answers 200 when it is',
  });
});

describe('the Host header', () => {
  for (const [host, status] of [
    ['127.0.0.1:7400', 200],
    ['127.1.2.3', 200],
    ['localhost:1', 200],
    ['LOCALHOST', 200],
    ['[::1]:7400', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example:7400', 421],
    ['10.0.0.1:7400', 421],
    ['127.0.0.1@evil.example', 421],
    ['[::2]', 421],
  ] as const) {
    test(`${host}: ${status}`, async () => {
      await using server = await serve();
      assert.equal((await ask(`${server.url}/healthz`, { headers: { host } })).statusCode, status);
    });
  }
});

test('every answer has the security headers; none lets another origin read', async () => {
  await using server = await serve();
  for (const path of ['/healthz', '/nothing', '/readyz', '/', '/api/v1/questions/%ff']) {
    const { headers } = await ask(`${server.url}${path}`, { headers: { origin: 'http://evil.example' } });
    assert.match(String(headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('a path that cannot be read is said as every other error', async () => {
  await using server = await serve();
  const answer = await fetch(`${server.url}/api/v1/questions/%ff`);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  const { status, code } = (await answer.json()) as { status: number; code: string };
  assert.deepEqual([answer.status, status, code], [400, 400, 'request.malformed']);
});

test('metrics and traces are told that there is no place for them, in every encoding', async () => {
  await using server = await serve();
  for (const [path, type] of [
    ['/v1/metrics', 'application/x-protobuf'],
    ['/v1/metrics', 'application/json'],
    ['/v1/traces', 'application/x-protobuf'],
  ] as const) {
    const sent = { method: 'POST', headers: { 'content-type': type }, body: 'x'.repeat(500) };
    const answer = await fetch(`${server.url}${path}`, sent);
    const { code, detail } = (await answer.json()) as { code: string; detail: string };
    assert.deepEqual([answer.status, code], [404, 'request.not_found']);
    assert.equal(detail, `there is nothing at POST ${path}`);
  }
});

test('without the page, / says how to build it', async () => {
  await using server = await serve();
  const page = await fetch(server.url, { headers: { accept: 'text/html' } });
  assert.match(await page.text(), /npm run build/);
  assert.equal((await fetch(`${server.url}/api/x`, { headers: { accept: 'text/html' } })).status, 404);
});

test('openapi.json names every route that does not tell its own paths', async () => {
  await using server = await serve();
  const { paths } = (await (await fetch(`${server.url}/api/v1/openapi.json`)).json()) as {
    paths: Record<string, unknown>;
  };
  const routes = (await loadRoutes()).filter((route) => route.paths === undefined);
  for (const { path } of routes) assert.ok(paths[path.replace(/:(\w+)/g, '{$1}')], path);
});

const echo: Route = {
  method: 'POST',
  path: '/echo',
  summary: 'gives back',
  body: { description: 'anything', types: ['application/json'] },
  responses: {},
  handle: ({ body }) => ({ type: 'text/plain', body }),
};
const json = { 'content-type': 'application/json; charset=utf-8' };

test('bodies: their type, their size, and all of them together', async () => {
  const { promise: hold, resolve: letGo } = Promise.withResolvers<undefined>();
  const { promise: held, resolve: isHeld } = Promise.withResolvers<undefined>();
  const slow: Route = {
    ...echo,
    path: '/slow',
    async handle({ body }) {
      isHeld(undefined);
      await hold;
      return { type: 'text/plain', body };
    },
  };
  await using server = await serve({ routes: [echo, slow] });
  const post = (path: string, body: string, headers: Readonly<Record<string, string>> = json) =>
    fetch(`${server.url}${path}`, { method: 'POST', body, headers });

  assert.equal(await (await post('/echo', '{"a":1}')).text(), '{"a":1}');
  assert.equal((await post('/echo', 'a', { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post('/echo', 'x'.repeat(1000))).status, 200);
  assert.equal((await post('/echo', 'x'.repeat(1001))).status, 413);

  const first = post('/slow', 'x'.repeat(1000));
  await held;
  const second = await post('/slow', 'x'.repeat(501));
  assert.equal(second.status, 429);
  assert.equal(second.headers.get('retry-after'), '1');
  letGo(undefined);
  assert.equal((await first).status, 200);
  assert.equal((await post('/slow', 'x'.repeat(501))).status, 200);
});

test('a fault of ours is a 500 that tells nothing; it is in the log', async () => {
  const warnings: string[] = [];
  const broken: Route = {
    ...echo,
    handle: () => {
      throw new Error('secret');
    },
  };
  await using server = await serve({
    routes: [broken],
    log: { info: () => undefined, warn: (line) => warnings.push(line) },
  });
  const answer = await fetch(`${server.url}/echo`, { method: 'POST', body: '1', headers: json });
  assert.equal(answer.status, 500);
  assert.ok(!(await answer.text()).includes('secret'));
  assert.match(warnings.join('\n'), /POST \/echo: Error: secret\n {4}at /);
});

test('a port in use is an error for the operator', async () => {
  await using server = await serve();
  const port = Number(new URL(server.url).port);
  await assert.rejects(serve({ listen: { host: '127.0.0.1', port } }), (error: OperatorError) => {
    return error.code === 'hub.cannot_listen';
  });
});

test('a stop lets requests finish, but not for ever', async () => {
  const { promise: held, resolve: isHeld } = Promise.withResolvers<AbortSignal>();
  const stuck: Route = {
    ...echo,
    handle({ signal }) {
      isHeld(signal);
      return new Promise(() => undefined);
    },
  };
  const server = await serve({ routes: [stuck], limits: { ...limits, stopMsMax: 50 } });
  const answer = fetch(`${server.url}/echo`, { method: 'POST', body: '1', headers: json });
  const failed = assert.rejects(answer);
  const signal = await held;
  await server[Symbol.asyncDispose]();
  await failed;
  assert.ok(signal.aborted);
});
