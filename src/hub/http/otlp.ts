/** What OTLP answers, in the encoding of the request. */

import { PbfWriter } from 'pbf';
import type { Receipt } from './parts.ts';
import type { Problem, RouteReply } from './route.ts';

export const mediaTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
export type Encoding = keyof typeof mediaTypes;

export function encodingOf(contentType: string | undefined): Encoding {
  return contentType?.toLowerCase().startsWith(mediaTypes.json) === true ? 'json' : 'protobuf';
}

/** ExportLogsServiceResponse. Its partial_success is only there when something is to be said. */
export function logsResponse({ rejected, message }: Receipt, encoding: Encoding): RouteReply {
  if (encoding === 'json') {
    const partialSuccess = { rejectedLogRecords: String(rejected), errorMessage: message };
    return { body: rejected > 0 ? { partialSuccess } : {} };
  }
  const pbf = new PbfWriter();
  if (rejected > 0) {
    pbf.writeMessage(
      1,
      () => {
        pbf.writeVarintField(1, rejected);
        pbf.writeStringField(2, message);
      },
      undefined,
    );
  }
  return { type: mediaTypes.protobuf, body: pbf.finish() };
}

/** google.rpc.Code. */
function statusCode({ status }: Problem): number {
  if (status === 429) return 8; // RESOURCE_EXHAUSTED
  if (status === 503) return 14; // UNAVAILABLE
  return status < 500 ? 3 : 13; // INVALID_ARGUMENT, INTERNAL
}

/** google.rpc.Status, which OTLP wants as the body of an error. As JSON the members of the problem are beside it. */
export function statusResponse(problem: Problem, encoding: Encoding): RouteReply {
  const code = statusCode(problem);
  const message = `${problem.detail}; ${problem.what_to_do}`;
  if (encoding === 'json') return { body: { ...problem, code, message } };
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, code);
  pbf.writeStringField(2, message);
  return { type: mediaTypes.protobuf, body: pbf.finish() };
}
