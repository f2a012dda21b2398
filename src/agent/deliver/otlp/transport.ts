/** One way to a receiver, for one signal: what it is sent, and what its answers mean, over HTTP or gRPC. */

import { printable } from '../../../lib/terminal.ts';
import type { Protocol } from './options.ts';

/** What became of a request. */
export type Outcome =
  /** The receiver has it, but for so much of it. */
  | { readonly is: 'taken'; readonly rejected: number; readonly message: string }
  /** It will never take it. */
  | { readonly is: 'rejected' | 'too_large'; readonly message: string };

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

export type Transport = AsyncDisposable & {
  /**
   * `body` is a whole request, not compressed. Rejects where it should be sent again, or nobody knows: with
   * RetryLater if the receiver said so, with the signal's reason if that was aborted.
   */
  send(body: Uint8Array, signal: AbortSignal): Promise<{ readonly outcome: Outcome; readonly bytes: number }>;
};

/** What differs between signals. */
export interface SignalKind {
  /** Of the exporter, which is named where its options are wrong. */
  readonly exporter: string;
  readonly path: string;
  /** Of gRPC. */
  readonly method: string;
  readonly decodeResponse: (body: Uint8Array, isJson: boolean) => PartialSuccess;
}

export const contentTypes: Readonly<Record<Exclude<Protocol, 'grpc'>, string>> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
};

/** Characters of a receiver's words that are shown. */
const messageMax = 200;

export function shown(text: string): string {
  return printable(text.trim()).slice(0, messageMax);
}
