/**
 * OTLP over HTTP. Which answers are final is the protocol's to say: 429, 502, 503, 504 and broken connections
 * are tried again, 413 with half as much, everything else is a refusal; but for those that speak of how we
 * are set up and not of what we sent.
 */

import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';
import type { Clock } from '../../../lib/clock.ts';
import { RetryLater } from '../exporter.ts';
import { openChannel, type Answer } from './channel.ts';
import { headersOf, type WireOptions } from './options.ts';
import { contentTypes, shown, type Outcome, type SignalKind, type Transport } from './transport.ts';

/** Those that OTLP has tried again. */
const retried: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/**
 * It has not these: a token, a path, a proxy, an encoding, a name. Somebody will mend that, and a whole spool
 * would be thrown away meanwhile.
 */
const setUpWrong: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 415, 421]);
/** What Go, nginx and Apache say with a 400 when they are spoken to without TLS. */
const wantsTls = /HTTPS (server|port)|SSL-enabled/;

const compressors: Readonly<Record<WireOptions['compression'], (body: Uint8Array) => Promise<Uint8Array>>> = {
  none: (body) => Promise.resolve(body),
  gzip: (body) => promisify(gzip)(body, { level: constants.Z_BEST_SPEED }),
  zstd: (body) => promisify(zstdCompress)(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

/** Retry-After is seconds or a date. */
function retryAfterMs(text: string | undefined, clock: Clock): number {
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.wallMs();
  return ms > 0 ? ms : 0;
}

/** What it says for people; nothing where it speaks OTLP's protobuf. */
function textOf({ contentType, body, location }: Answer): string {
  if (location !== undefined) return ` (see ${location})`;
  const isText = contentType === '' || contentType.startsWith('text/') || contentType.includes('json');
  return isText ? ` ${body.toString('utf8')}` : '';
}

/** It speaks of where and how we send: whatever we sent, it would be the same. */
function isMisdirected({ status, contentType, body }: Answer): boolean {
  if (status < 300) return contentType.startsWith('text/html'); // some site's page; no receiver speaks so
  return status < 400 || setUpWrong.has(status) || (status === 400 && wantsTls.test(body.toString('latin1')));
}

interface Judging {
  readonly kind: SignalKind;
  readonly clock: Clock;
  readonly url: URL;
}

/** What an answer means. Throws when the request should be sent again. */
function judge(answer: Answer, { kind, clock, url }: Judging): Outcome {
  const { status, body, contentType } = answer;
  const said = `the receiver answers ${String(status)}`;
  const afterMs = retryAfterMs(answer.retryAfter, clock);
  if (isMisdirected(answer)) {
    const where = `${url.origin}${url.pathname}`;
    const why = shown(`${said} to ${where}${textOf(answer)}`);
    throw new RetryLater(`${why}; correct the options of ${kind.exporter}, or what listens there`, afterMs);
  }
  if (status < 300) {
    const { rejected, message } = kind.decodeResponse(
      body,
      contentType.startsWith(contentTypes['http/json']),
    );
    return { is: 'taken', rejected, message: shown(message) };
  }
  if (retried.has(status)) throw new RetryLater(said, afterMs);
  return { is: status === 413 ? 'too_large' : 'rejected', message: shown(`${said}${textOf(answer)}`) };
}

export type HttpOptions = WireOptions & { readonly protocol: keyof typeof contentTypes };

export function openHttp(options: HttpOptions, kind: SignalKind, clock: Clock): Transport {
  const { compression, protocol, tls } = options;
  const url = new URL(`${options.endpoint.replace(/\/+$/, '')}${kind.path}`);
  const headers = {
    ...Object.fromEntries(headersOf(options)),
    'content-type': contentTypes[protocol],
    ...(compression === 'none' ? {} : { 'content-encoding': compression }),
  };
  const channel = openChannel(url, tls);
  return {
    async send(body, signal) {
      const sent = await compressors[compression](body);
      const answer = await channel.post(sent, headers, signal);
      return { outcome: judge(answer, { kind, clock, url }), bytes: sent.length };
    },
    [Symbol.asyncDispose]() {
      channel[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
