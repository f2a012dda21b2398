/** The listener: /metrics, /healthz, /readyz, and nothing else. It reads no bodies and keeps nothing. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Verdict } from './health.ts';
import { contentTypes, formatFor, type Format } from './text.ts';

export const listenerLimits = {
  /** Scrapers and probes; further connections are closed. */
  connectionsMax: 32,
  headerBytesMax: 8192,
  /** What a request may take to arrive, and how long one that stopped reading is waited for. */
  requestMsMax: 10_000,
  idleMsMax: 60_000,
} as const;

export interface Answers {
  metrics(format: Format): string;
  alive(): Verdict;
  ready(): Verdict;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const textType = 'text/plain; charset=utf-8';

function judged({ good, reason }: Verdict): Answer {
  return { status: good ? 200 : 503, type: textType, text: `${reason}\n` };
}

function answerTo(path: string, accept: string | undefined, answers: Answers): Answer {
  if (path === '/healthz') return judged(answers.alive());
  if (path === '/readyz') return judged(answers.ready());
  if (path !== '/metrics')
    return { status: 404, type: textType, text: 'there are /metrics, /healthz and /readyz\n' };
  const format = formatFor(accept);
  return { status: 200, type: contentTypes[format], text: answers.metrics(format) };
}

function wantsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?(\s*,|\s*$))/i.test(headers['accept-encoding']?.toString() ?? '');
}

const compress = promisify(gzip);

/** Texts that are shorter are not worth it. */
const gzipBytesMin = 1400;

async function answer(request: IncomingMessage, response: ServerResponse, answers: Answers): Promise<void> {
  const { method, url = '/', headers } = request;
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
    return;
  }
  const { status, type, text } = answerTo(url.split('?')[0] ?? '/', headers.accept, answers);
  let body = Buffer.from(text);
  response.setHeader('content-type', type);
  response.setHeader('vary', 'accept, accept-encoding');
  if (wantsGzip(request) && body.length >= gzipBytesMin) {
    body = await compress(body, { level: constants.Z_BEST_SPEED });
    response.setHeader('content-encoding', 'gzip');
  }
  // What a body there is is not read: the connection cannot go on behind it.
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    response.setHeader('connection', 'close');
  response.setHeader('content-length', body.length);
  response.writeHead(status).end(method === 'HEAD' ? undefined : body);
}

/** Not HTTP, too long, too slow. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  if (socket.writable && error.code !== 'ECONNRESET')
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.destroySoon();
}

/** Rejects where it cannot listen. */
export async function openListener(
  at: { readonly host: string; readonly port: number },
  answers: Answers,
): Promise<Server> {
  const server = createServer(
    {
      maxHeaderSize: listenerLimits.headerBytesMax,
      headersTimeout: listenerLimits.requestMsMax,
      requestTimeout: listenerLimits.requestMsMax,
      keepAliveTimeout: listenerLimits.idleMsMax,
      connectionsCheckingInterval: listenerLimits.requestMsMax / 2,
    },
    (request, response) => {
      answer(request, response, answers).catch((error: unknown) => response.destroy(error as Error));
    },
  );
  server.maxConnections = listenerLimits.connectionsMax;
  server.setTimeout(listenerLimits.idleMsMax);
  server.on('clientError', refuse);
  server.listen(at.port, at.host);
  await once(server, 'listening');
  return server;
}
