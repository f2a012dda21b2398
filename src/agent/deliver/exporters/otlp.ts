/**
 * OpenTelemetry logs over HTTP, to a hub or a collector.
 *
 * Which answers are final is the protocol's to say: 429, 502, 503, 504 and broken connections are tried
 * again, 413 with half as much, everything else is a refusal; but for those that speak of how we are set up
 * and not of these records.
 */

import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';
import * as z from 'zod';
import type { Clock } from '../../../lib/clock.ts';
import { bytes, duration } from '../../../lib/schema.ts';
import { printable } from '../../../lib/terminal.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { nameModes } from '../../../model/rendering.ts';
import { RetryLater, type Exporter, type OpenExporter, type Receipt } from '../exporter.ts';
import type * as encoding from '../otlp/encode.ts';
import { openChannel, type Answer } from '../otlp/http.ts';
import { tlsSchema } from '../tls.ts';

/** Loaded when an exporter opens: the OpenTelemetry packages are for agents that use them. */
type Codec = typeof encoding;

const schema = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })
      .refine((text) => new URL(text).password === '', 'must not hold a password: use headers_file')
      .default('http://127.0.0.1:7400')
      .meta({ description: 'where to; /v1/logs is added' }),
    protocol: z
      .enum(['http/protobuf', 'http/json'])
      .default('http/protobuf')
      .meta({ description: 'what a request is written in' }),
    compression: z
      .enum(['gzip', 'zstd', 'none'])
      .default('gzip')
      .meta({ description: 'of requests; not every collector takes zstd' }),
    names: z.enum(nameModes).default('canonical').meta({
      description:
        'of attributes: our own, OpenTelemetry\u2019s or ECS\u2019s, with the required labels under our own too; the hub takes the first two',
    }),
    headers: z
      .record(z.string().min(1).max(256), z.string().max(8192))
      .default({})
      .meta({ description: 'to send with each request; secrets belong into headers_file' }),
    headers_file: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'a file with more of them, one `Name: value` per line' }),
    tls: tlsSchema.meta({ description: 'for an https endpoint' }),
    timeout: duration({ min: '100ms', max: '10m', default: '10s' }).meta({
      description: 'how long to wait for an answer before trying again',
    }),
    batch: bytes({ min: '1kB', max: '64MiB', default: '1MiB' }).meta({
      description: 'most bytes of a request before it is compressed, unless one record has more',
    }),
  })
  .meta({ description: 'OpenTelemetry logs over HTTP' });

type Options = z.output<typeof schema>;

/** Characters of a receiver's words that are shown. */
const messageMax = 200;
/** After a 413, requests may grow again by so much each time. */
const growth = 1.5;
/** Those that OTLP has tried again. */
const retried: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/**
 * It has not these: a token, a path, a proxy, an encoding, a name. Somebody will mend that, and a whole spool
 * would be thrown away meanwhile.
 */
const setUpWrong: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 415, 421]);
/** What Go, nginx and Apache say with a 400 when they are spoken to without TLS. */
const wantsTls = /HTTPS (server|port)|SSL-enabled/;

const compressors: Readonly<Record<Options['compression'], (body: Uint8Array) => Promise<Uint8Array>>> = {
  none: (body) => Promise.resolve(body),
  gzip: (body) => promisify(gzip)(body, { level: constants.Z_BEST_SPEED }),
  zstd: (body) => promisify(zstdCompress)(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

function readHeaders(path: string): [string, string][] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line, i) => {
      const colon = line.indexOf(':');
      // The line itself may be a secret.
      if (colon < 1) throw new Error(`${path}: header ${String(i + 1)} is not written as Name: value`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}

function headersOf(options: Options, contentType: string): Record<string, string> {
  const own = [...Object.entries(options.headers)];
  if (options.headers_file !== undefined) own.push(...readHeaders(options.headers_file));
  for (const [name, value] of own) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return {
    ...Object.fromEntries(own),
    'content-type': contentType,
    ...(options.compression === 'none' ? {} : { 'content-encoding': options.compression }),
  };
}

/** Retry-After is seconds or a date. */
function retryAfterMs(text: string | undefined, clock: Clock): number {
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.wallMs();
  return ms > 0 ? ms : 0;
}

function shown(text: string): string {
  return printable(text.trim()).slice(0, messageMax);
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
  readonly codec: Codec;
  readonly clock: Clock;
  readonly url: URL;
}

/** What an answer means for `count` records that were sent. Throws when they should be sent again. */
function judge(answer: Answer, count: number, { codec, clock, url }: Judging): Receipt {
  const { status, body, contentType } = answer;
  const said = `the receiver answers ${String(status)}`;
  const afterMs = retryAfterMs(answer.retryAfter, clock);
  if (isMisdirected(answer)) {
    const where = `${url.origin}${url.pathname}`;
    const why = shown(`${said} to ${where}${textOf(answer)}`);
    throw new RetryLater(`${why}; correct the options of otlp, or what listens there`, afterMs);
  }
  if (status < 300) {
    const { rejected, message } = codec.decodeResponse(body, contentType);
    const refused = { reason: 'rejected', count: Math.min(rejected, count), message: shown(message) };
    return rejected === 0 ? { settled: count } : { settled: count, refused };
  }
  if (retried.has(status)) throw new RetryLater(said, afterMs);
  const message = shown(`${said}${textOf(answer)}`);
  return { settled: count, refused: { reason: status === 413 ? 'too_large' : 'rejected', count, message } };
}

async function openOtlp(options: Options, clock: Clock): Promise<OpenExporter> {
  const codec = await import('../otlp/encode.ts');
  const url = new URL(`${options.endpoint.replace(/\/+$/, '')}/v1/logs`);
  const headers = headersOf(options, codec.contentTypes[options.protocol]);
  const channel = openChannel(url, options.tls);
  const compress = compressors[options.compression];
  /** Records of a request that the receiver is believed to take. */
  let recordsMax = Infinity;

  /** As many of the first records as fit a request. */
  function encode(records: readonly NumberedRecord[], most: number): { body: Uint8Array; count: number } {
    for (let count = Math.min(records.length, most); ;) {
      const body = codec.encodeRequest(records.slice(0, count), { ...options, observedMs: clock.wallMs() });
      if (body.length <= options.batch || count === 1) return { body, count };
      count = Math.max(1, Math.min(count - 1, Math.floor((count * options.batch) / body.length)));
    }
  }

  return {
    timeoutMs: options.timeout,
    async deliver(records, signal) {
      for (let most = Math.max(1, Math.floor(recordsMax)); ;) {
        const { body, count } = encode(records, most);
        const sent = await compress(body);
        const answer = await channel.post(sent, headers, signal);
        if (answer.status === 413 && count > 1) {
          most = recordsMax = Math.ceil(count / 2);
          continue;
        }
        const receipt = judge(answer, count, { codec, clock, url });
        recordsMax = Math.max(recordsMax * growth, 2);
        return { ...receipt, bytes: sent.length };
      }
    },
    [Symbol.asyncDispose]() {
      channel[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

export const exporter: Exporter<typeof schema> = {
  name: 'otlp',
  summary: 'OpenTelemetry logs over HTTP, to the hub or a collector',
  schema,
  open: (options, { clock }) => openOtlp(options, clock),
};
