/**
 * Requests to the API server. One that hangs, in the midst of an answer too, is given up after a while
 * without a byte; nobody but the caller waits for it.
 */

import * as http from 'node:http';
import * as https from 'node:https';
import { printable } from '../../../lib/terminal.ts';
import type { Access } from './access.ts';

export const clientLimits = {
  /** Without a byte before the answer begins, and within a list. */
  answerMsMax: 60_000,
  /** Within a watch: a server sends a bookmark every minute. */
  quietMsMax: 150_000,
  /** What is read of an answer that is no success, and of one about a single object. */
  messageBytesMax: 1 << 20,
  messageShownMax: 200,
  /** Connections kept for single requests. */
  socketsMax: 8,
} as const;

export type ClientLimits = { readonly [Name in keyof typeof clientLimits]: number };

/** The server answered, and not with what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly retryAfterMs: number;

  constructor(status: number, message: string, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What was asked for is too old: 410, as a status or within a watch. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

export interface Asking {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly accept?: string;
  /** For as long as somebody writes: a watch. */
  readonly endless?: boolean;
}

export type Client = Disposable & {
  /** The body of a success, as text. Rejects with ApiError for any other answer. */
  get(asking: Asking): Promise<http.IncomingMessage>;
  /** Of a single object. */
  getJson(asking: Asking): Promise<unknown>;
};

async function readText(response: http.IncomingMessage, bytesMax: number): Promise<string> {
  let text = '';
  for await (const part of response as AsyncIterable<string>) {
    text += part;
    if (text.length > bytesMax) throw new Error('the answer is too long');
  }
  return text;
}

function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined; // a proxy's page
  }
}

async function refusal(response: http.IncomingMessage, limits: ClientLimits): Promise<ApiError> {
  const status = response.statusCode ?? 0;
  const body = await readText(response, limits.messageBytesMax);
  const seconds = Number(response.headers['retry-after'] ?? 0);
  const said = printable(messageIn(body) ?? http.STATUS_CODES[status] ?? '').slice(0, limits.messageShownMax);
  return new ApiError(status, `${String(status)} ${said}`, seconds > 0 ? seconds * 1000 : 0);
}

export function openClient(access: Access, limits: ClientLimits = clientLimits): Client {
  const { server } = access;
  const isTls = server.protocol === 'https:';
  const kept = { keepAlive: true, maxSockets: limits.socketsMax };
  const agent = isTls ? new https.Agent(kept) : new http.Agent(kept);
  const { request } = isTls ? https : http;
  const prefix = server.pathname.replace(/\/$/, '');

  function optionsOf({ path, signal, accept = 'application/json' }: Asking): https.RequestOptions {
    const { authorization, ...tls } = access.credentials();
    return {
      ...(isTls ? tls : {}),
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port,
      path: `${prefix}${path}`,
      agent,
      signal,
      headers: { accept, 'user-agent': 'sonde-agent', ...(authorization ? { authorization } : {}) },
    };
  }

  function get(asking: Asking): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request(optionsOf(asking), (response) => {
        response.setEncoding('utf8');
        if (response.statusCode !== 200) refusal(response, limits).then(reject, reject);
        else {
          if (asking.endless) outgoing.setTimeout(limits.quietMsMax);
          resolve(response);
        }
      });
      outgoing.setTimeout(limits.answerMsMax);
      outgoing.on('timeout', () => outgoing.destroy(new Error('the API server says nothing')));
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  return {
    get,
    async getJson(asking) {
      return JSON.parse(await readText(await get(asking), limits.messageBytesMax)) as unknown;
    },
    [Symbol.dispose]: () => {
      agent.destroy();
    },
  };
}
