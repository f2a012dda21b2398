/**
 * OTLP over gRPC. Which codes are final is the protocol's to say; but for those that speak of how we are set
 * up and not of what we sent, and for the one that means a message of too many bytes.
 */

import {
  ChannelCredentials,
  Client,
  Metadata,
  compressionAlgorithms,
  status,
  type ServiceError,
} from '@grpc/grpc-js';
import { RetryLater } from '../exporter.ts';
import { openTls } from '../tls.ts';
import { headersOf, type WireOptions } from './options.ts';
import { retryInfoMs } from './retry-info.ts';
import { shown, type Outcome, type SignalKind, type Transport } from './transport.ts';

export const grpcLimits = {
  /** What is taken of an answer. */
  answerBytesMax: 64 * 1024,
  /** A lost connection is looked for again this often at first, and at last. */
  reconnectMs: 100,
  reconnectMsMax: 10_000,
} as const;

/** Those that OTLP has tried again. RESOURCE_EXHAUSTED only if the receiver says when. */
const retried: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
/** As with HTTP: a token, a receiver that is none. Somebody will mend that. */
const setUpWrong: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
]);
/** What the libraries of Go, C++, Node and Java say of a message that is longer than they take. */
const tooLarge = /larger than max|exceeds maximum size/i;

/** What a failure means. Throws when the request should be sent again. */
function judge({ code, details, metadata }: ServiceError, kind: SignalKind, endpoint: string): Outcome {
  const said = `the receiver answers ${status[code]}`;
  const [info] = metadata.get('grpc-status-details-bin');
  const afterMs = info instanceof Uint8Array ? retryInfoMs(info) : undefined;
  if (setUpWrong.has(code)) {
    const why = shown(`${said} at ${endpoint} ${details}`);
    throw new RetryLater(`${why}; correct the options of ${kind.exporter}, or what listens there`, 0);
  }
  const isExhausted = code === status.RESOURCE_EXHAUSTED;
  if (retried.has(code) || (isExhausted && afterMs !== undefined))
    throw new RetryLater(shown(`${said} ${details}`), afterMs ?? 0);
  const message = shown(`${said} ${details}`);
  return { is: isExhausted && tooLarge.test(details) ? 'too_large' : 'rejected', message };
}

function openCredentials({ endpoint, tls: files }: WireOptions): ChannelCredentials {
  const tls = openTls(new URL(endpoint), files);
  if (!tls) return ChannelCredentials.createInsecure();
  const { secureContext, rejectUnauthorized } = tls;
  return ChannelCredentials.createFromSecureContext(secureContext, { rejectUnauthorized });
}

function metadataOf(options: WireOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headersOf(options)) metadata.set(name, value);
  return metadata;
}

function openClient(options: WireOptions): Client {
  const { hostname, port, protocol } = new URL(options.endpoint);
  const standardPort = protocol === 'https:' ? '443' : '80';
  const { gzip, identity } = compressionAlgorithms;
  return new Client(`dns:${hostname}:${port === '' ? standardPort : port}`, openCredentials(options), {
    'grpc.default_compression_algorithm': options.compression === 'gzip' ? gzip : identity,
    'grpc.max_receive_message_length': grpcLimits.answerBytesMax,
    'grpc.initial_reconnect_backoff_ms': grpcLimits.reconnectMs,
    'grpc.max_reconnect_backoff_ms': grpcLimits.reconnectMsMax,
    // As our own retries have it; proxies of the environment are not asked by the other exporters either.
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
}

type Called = { readonly answer: Buffer } | { readonly error: ServiceError };

const asItIs = (bytes: Buffer): Buffer => bytes;

/** Throws as openTls and headersOf do. */
export function openGrpc(options: WireOptions, kind: SignalKind): Transport {
  const metadata = metadataOf(options);
  const client = openClient(options);

  function call(body: Buffer, signal: AbortSignal): Promise<Called> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        under.cancel();
        reject(signal.reason as Error);
      };
      const under = client.makeUnaryRequest(kind.method, asItIs, asItIs, body, metadata, (error, answer) => {
        signal.removeEventListener('abort', abort);
        resolve(error ? { error } : { answer: answer ?? Buffer.alloc(0) });
      });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  return {
    async send(body, signal) {
      const called = await call(Buffer.from(body.buffer, body.byteOffset, body.length), signal);
      if ('error' in called)
        return { outcome: judge(called.error, kind, options.endpoint), bytes: body.length };
      const { rejected, message } = kind.decodeResponse(called.answer, false);
      return { outcome: { is: 'taken', rejected, message: shown(message) }, bytes: body.length };
    },
    [Symbol.asyncDispose]() {
      client.close();
      return Promise.resolve();
    },
  };
}
