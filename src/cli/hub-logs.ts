/** Records to the hub, over OTLP. Apart from the client for questions: those who ask need no serializers. */

import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { PbfReader } from 'pbf';
import type { OperatorError } from '../lib/errors.ts';
import { answerMsMax, refused, unreachable, type HubOptions } from './hub-client.ts';

export type LogsAnswer =
  | {
      readonly is: 'taken';
      readonly duplicates: number;
      readonly rejected: number;
      /** Why; empty where nothing was. */
      readonly message: string;
    }
  | { readonly is: 'busy'; readonly afterMs: number; readonly error: OperatorError }
  | { readonly is: 'too_large'; readonly error: OperatorError };

const [tooLarge, tooMany, unavailable] = [413, 429, 503];

/** google.rpc.Status, whose second field is for people; what is none says nothing. */
function statusText(body: Uint8Array): string {
  let text = '';
  try {
    new PbfReader(body).readFields((tag, _result, pbf) => {
      if (tag === 2) text = pbf.readString();
    }, undefined);
  } catch {
    return ''; // something that stands before the hub
  }
  return text;
}

/** One ExportLogsServiceRequest in protobuf, compressed with gzip. Throws hub.unreachable, hub.refused, hub.failed. */
export async function postLogs(
  body: Uint8Array<ArrayBuffer>,
  { url, signal }: HubOptions,
): Promise<LogsAnswer> {
  let response: Response;
  let said: Uint8Array;
  try {
    response = await fetch(new URL('/v1/logs', url), {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    });
    said = await response.bytes();
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(url, error);
  }
  const { status, headers } = response;
  if (response.ok) {
    const duplicates = Number(headers.get('sonde-duplicates') ?? 0);
    const { partialSuccess } = ProtobufLogsSerializer.deserializeResponse(said);
    const { rejectedLogRecords = 0, errorMessage = '' } = partialSuccess ?? {};
    return { is: 'taken', duplicates, rejected: rejectedLogRecords, message: errorMessage };
  }
  const error = refused(status, { detail: statusText(said) || `the hub answers ${status}` });
  if (status === tooLarge) return { is: 'too_large', error };
  if (status !== tooMany && status !== unavailable) throw error;
  return { is: 'busy', afterMs: 1000 * Number(headers.get('retry-after') ?? 0), error };
}
