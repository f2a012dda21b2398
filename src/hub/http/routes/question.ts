import * as z from 'zod';
import { OperatorError } from '../../../lib/errors.ts';
import { answerFormats, type Answer, type AnswerFormat } from '../../../question/contract.ts';
import { encodeCsv, encodeNdjson, mediaTypes } from '../../../question/encode.ts';
import { questionPaths } from '../../../question/openapi.ts';
import { defineRoute, type RouteReply } from '../route.ts';

/** The first of the Accept header that there is; JSON for those that do not care. */
function acceptedFormat(accept = ''): AnswerFormat {
  const types = accept.split(',').map((each) => each.split(';')[0]?.trim().toLowerCase() ?? '');
  const named = types.map((type) =>
    answerFormats.find((format) => mediaTypes[format].split(';')[0] === type),
  );
  return named.find((format) => format !== undefined) ?? 'json';
}

function formatOf(id: string, asked: string | undefined, accept: string | undefined): AnswerFormat {
  if (asked === undefined) return acceptedFormat(accept);
  const format = answerFormats.find((each) => each === asked);
  if (format !== undefined) return format;
  const problem = `must be one of ${answerFormats.join(', ')}; got ${asked}`;
  throw new OperatorError('question.bad_param', { question: id, param: 'format', problem });
}

/** What a format's body cannot say about the answer, its headers do. */
function reply(answer: Answer, format: AnswerFormat): RouteReply {
  const body = { json: () => answer, ndjson: () => encodeNdjson(answer), csv: () => encodeCsv(answer) }[
    format
  ]();
  return {
    type: mediaTypes[format],
    headers: {
      vary: 'accept',
      'sonde-coverage': String(answer.coverage.smallest ?? 'unknown'),
      'sonde-truncated': String(answer.truncated),
      ...(format === 'csv' ? { 'content-disposition': `attachment; filename="${answer.question}.csv"` } : {}),
    },
    body,
  };
}

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/questions/:id',
  summary: 'The answer to a question, with its coverage',
  params: z.object({ id: z.string() }),
  // What a question takes is in its manifest, and the ask stage checks it.
  query: z.record(z.string(), z.string()),
  responses: {
    200: {
      description: 'the answer',
      content: {
        'application/json': z.record(z.string(), z.unknown()),
        [mediaTypes.ndjson]: undefined,
        'text/csv': undefined,
      },
    },
  },
  paths: ({ ask }) => questionPaths(ask.questions()),
  async handle({ params: { id }, query, headers, signal }, { ask }) {
    const { format: asked, ...rest } = query;
    const format = formatOf(id, asked, headers.accept);
    return reply(await ask.answer(id, { query: rest, signal }), format);
  },
});
