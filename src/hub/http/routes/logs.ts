import * as z from 'zod';
import { encodingOf, logsResponse, mediaTypes, statusResponse } from '../otlp.ts';
import { defineRoute } from '../route.ts';

const partialSuccess = z.object({ rejectedLogRecords: z.string(), errorMessage: z.string() });

export const route = defineRoute({
  method: 'POST',
  path: '/v1/logs',
  summary: "Takes Sonde's records as OTLP logs. The answer comes when they are safe on disk",
  body: {
    description: 'ExportLogsServiceRequest; content encodings: identity, gzip, zstd',
    types: [mediaTypes.protobuf, mediaTypes.json],
  },
  responses: {
    200: {
      description:
        'ExportLogsServiceResponse; partial success names what was rejected, all else is stored once',
      content: {
        [mediaTypes.protobuf]: undefined,
        [mediaTypes.json]: z.object({ partialSuccess: partialSuccess.optional() }),
      },
    },
  },
  async handle({ body, headers }, parts) {
    const encoding = encodingOf(headers['content-type']);
    const compression = headers['content-encoding'];
    const receipt = await parts.intake.take({ body, encoding, compression });
    // Of them the protocol has no count: to it they are taken.
    return {
      ...logsResponse(receipt, encoding),
      headers: { 'sonde-duplicates': String(receipt.duplicates) },
    };
  },
  failed: (problem, { headers }) => statusResponse(problem, encodingOf(headers['content-type'])),
});
