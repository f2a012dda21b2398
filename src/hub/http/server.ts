/**
 * The hub's HTTP side: fastify, the routes of routes/, the page. Owns the listening socket and the bytes of
 * requests that are under way (`inFlightBytesMax`); must never read one for longer than `requestMsMax`.
 */

import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { formatBytes } from '../../lib/units.ts';
import { isLoopbackHost, securityHeaders } from './guard.ts';
import { openApi } from './openapi.ts';
import { openPage } from './page.ts';
import type { HubParts } from './parts.ts';
import { problemOf } from './problem.ts';
import type { BodyDescription, Route, RouteReply } from './route.ts';

export interface ServerLimits {
  /** One request's body as it comes. */
  readonly requestBytesMax: number;
  /** All bodies that are read or worked on at once. */
  readonly inFlightBytesMax: number;
  /** From the first byte of a request to its last. */
  readonly requestMsMax: number;
  /** How long a stop waits for requests that are under way. */
  readonly stopMsMax: number;
}

export interface ServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: ServerLimits;
  readonly routes: readonly Route[];
  /** Without openApi, which is made here. */
  readonly parts: Omit<HubParts, 'openApi'>;
  readonly version: string;
  /** Of the built page. */
  readonly webFolder: string;
  readonly log: Log;
}

export interface HubServer extends AsyncDisposable {
  /** http://127.0.0.1:7400 */
  readonly url: string;
}

const retryAfterS = 1;
const headersMsMax = 10_000;
const keepAliveMsMax = 60_000;

/** Rejects what a browser can send from another origin without asking first, as well as plain mistakes. */
function checkContentType(header: string | undefined, { types }: BodyDescription): void {
  const type = header?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (types.includes(type)) return;
  const allowed = types.join(' or ');
  throw new OperatorError('request.content_type', { type: type || '(none)', allowed });
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const reason = `${path === '' ? '' : `${path}: `}${issue?.message ?? 'not valid'}`;
  throw new OperatorError('request.malformed', { reason });
}

/** Says fastify's own complaints with our words. */
function translate(error: FastifyError, limits: ServerLimits): unknown {
  if (isOperatorError(error)) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new OperatorError('request.too_large', {
      max: formatBytes(limits.requestBytesMax),
      what: 'as sent',
      limit: 'limits.request in hub.yaml',
    });
  }
  const { statusCode = 500 } = error;
  return statusCode < 500 ? new OperatorError('request.malformed', { reason: error.message }) : error;
}

function send(reply: FastifyReply, answer: RouteReply): FastifyReply {
  const { status = 200, headers = {}, type = 'application/json', body } = answer;
  reply.code(status).headers(headers).header('content-type', type);
  const isRaw = typeof body === 'string' || body instanceof Uint8Array || body instanceof Readable;
  // Bytes: to text fastify adds a charset, which the JSON types do not have.
  return reply.send(isRaw ? body : Buffer.from(JSON.stringify(body)));
}

function sendError(
  error: unknown,
  { route, request, reply }: { route?: Route; request: FastifyRequest; reply: FastifyReply },
): void {
  const problem = problemOf(error);
  const headers: Record<string, string> = {};
  if (isOperatorError(error) && error.parameters['retryAfterS'] !== undefined) {
    headers['retry-after'] = String(error.parameters['retryAfterS']);
  }
  const answer = route?.failed?.(problem, { headers: request.headers }) ?? {
    type: 'application/problem+json',
    body: problem,
  };
  send(reply, { ...answer, status: problem.status, headers: { ...answer.headers, ...headers } });
}

function abortWhenGone(reply: FastifyReply, stop: AbortSignal): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    gone.abort();
  });
  return AbortSignal.any([gone.signal, stop]);
}

interface Serving {
  readonly limits: ServerLimits;
  readonly parts: HubParts;
  readonly book: Book;
  readonly stop: AbortSignal;
  readonly log: Log;
}

type Book = (request: FastifyRequest, reply: FastifyReply) => void;

/** Books a request's body before it is read; where the length is not said, for the longest. */
function budget({ requestBytesMax, inFlightBytesMax }: ServerLimits): Book {
  let inFlight = 0;
  return (request, reply) => {
    const bytes = Number(request.headers['content-length'] ?? requestBytesMax);
    if (inFlight > 0 && inFlight + bytes > inFlightBytesMax) {
      const reason = `${formatBytes(inFlight)} of requests are being worked on`;
      throw new OperatorError('hub.busy', { reason, retryAfterS });
    }
    inFlight += bytes;
    reply.raw.once('close', () => {
      inFlight -= bytes;
    });
  };
}

function addRoute(app: FastifyInstance, route: Route, { limits, parts, book, stop, log }: Serving): void {
  app.route({
    method: route.method,
    url: route.path,
    onRequest: async (request, reply) => {
      if (!route.body) return;
      checkContentType(request.headers['content-type'], route.body);
      book(request, reply);
    },
    errorHandler: (error: FastifyError, request, reply) => {
      const translated = translate(error, limits);
      if (!isOperatorError(translated)) {
        log.warn(`${route.method} ${route.path}: ${error.stack ?? error.message}`);
      }
      sendError(translated, { route, request, reply });
    },
    handler: async (request, reply) => {
      const answer = await route.handle(
        {
          params: route.params ? parse(route.params, request.params) : {},
          query: route.query ? parse(route.query, request.query) : {},
          headers: request.headers,
          body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          signal: abortWhenGone(reply, stop),
        },
        parts,
      );
      return send(reply, answer);
    },
  });
}

function createApp(limits: ServerLimits): FastifyInstance {
  const { requestBytesMax, requestMsMax } = limits;
  const app = fastify({
    bodyLimit: requestBytesMax,
    requestTimeout: requestMsMax,
    keepAliveTimeout: keepAliveMsMax,
    http: { headersTimeout: Math.min(headersMsMax, requestMsMax) },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // A path that cannot be read meets no hook and no route.
    frameworkErrors: (error, request, reply) => {
      sendError(translate(error, limits), { request, reply: reply.headers(securityHeaders) });
    },
  });
  // Bodies reach a route as they came: it knows which encodings it takes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
    const { host = '' } = request.headers;
    if (!isLoopbackHost(host)) throw new OperatorError('request.host', { host });
  });
  return app;
}

async function listen(app: FastifyInstance, { host, port }: ServerOptions['listen']): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const reason = (error as Error).message;
    throw new OperatorError('hub.cannot_listen', { listen: `${host}:${port}`, reason }, { cause: error });
  }
  const { address, family, port: actual } = app.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
}

/** Listens. Throws hub.cannot_listen. */
export async function openServer(options: ServerOptions): Promise<HubServer> {
  const { limits, routes, log, version } = options;
  const stop = new AbortController();
  const parts: HubParts = { ...options.parts, openApi: () => openApi(routes, { version, parts }) };
  const app = createApp(limits);
  const page = await openPage(app, options.webFolder);
  const serving: Serving = { limits, parts, book: budget(limits), stop: stop.signal, log };
  for (const route of routes) addRoute(app, route, serving);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    sendError(translate(error, limits), { request, reply });
  });
  app.setNotFoundHandler((request, reply) => {
    if (page.serve(request, reply)) return;
    const error = new OperatorError('request.not_found', { method: request.method, path: request.url });
    sendError(error, { request, reply });
  });
  const url = await listen(app, options.listen);

  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const late = setTimeout(() => {
        stop.abort();
        app.server.closeAllConnections();
      }, limits.stopMsMax);
      try {
        await app.close();
      } finally {
        clearTimeout(late);
      }
    },
  };
}
