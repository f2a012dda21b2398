/** What a receiver says of a request that it took. */

import type { PartialSuccess } from './transport.ts';

interface Reading {
  readonly isJson: boolean;
  /** Of OpenTelemetry's, for protobuf. */
  readonly deserialize: (body: Uint8Array) => unknown;
  /** The field that has how many of them it rejects. */
  readonly rejected: 'rejectedLogRecords' | 'rejectedDataPoints';
}

function parse(body: Uint8Array, { isJson, deserialize }: Reading): unknown {
  try {
    return isJson ? JSON.parse(Buffer.from(body).toString('utf8')) : deserialize(body);
  } catch {
    return undefined; // it took the request all the same
  }
}

export function readResponse(body: Uint8Array, reading: Reading): PartialSuccess {
  const { partialSuccess } = (parse(body, reading) ?? {}) as {
    partialSuccess?: Partial<Record<Reading['rejected'] | 'errorMessage', unknown>> | null;
  };
  const rejected = Number(partialSuccess?.[reading.rejected] ?? 0); // in JSON a 64-bit number is text
  const message = partialSuccess?.errorMessage;
  return {
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: typeof message === 'string' ? message : '',
  };
}
