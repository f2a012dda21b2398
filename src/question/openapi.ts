/** The questions' part of openapi.json, from their manifests. */

import { answerFormats, type Column, type Param, type QuestionSummary } from './contract.ts';
import { mediaTypes } from './encode.ts';
import { detectorStates } from './finding.ts';
import { rangeParams, scopeParams } from './params.ts';

type Json = Readonly<Record<string, unknown>>;

const jsonTypes = {
  text: 'string',
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  choice: 'string',
  duration: 'string',
} as const;

function parameter({ name, type, description, default: preset, min, max, values }: Param): Json {
  const isNumber = type === 'integer' || type === 'number';
  return {
    name,
    in: 'query',
    description,
    schema: {
      type: jsonTypes[type],
      default: preset,
      ...(isNumber && min !== undefined ? { minimum: min } : {}),
      ...(isNumber && max !== undefined ? { maximum: max } : {}),
      ...(values ? { enum: values } : {}),
    },
  };
}

const rangeParameters: readonly Json[] = rangeParams.map((name) => ({
  name,
  in: 'query',
  description:
    name === 'since'
      ? 'a duration up to now, such as 15m; 1h where there is no from'
      : `${name === 'from' ? 'start' : 'end, now by default,'} of the range`,
  schema: name === 'since' ? { type: 'string' } : { type: 'string', format: 'date-time' },
}));

const formatParameter: Json = {
  name: 'format',
  in: 'query',
  description: 'before the Accept header',
  schema: { type: 'string', enum: answerFormats, default: 'json' },
};

function cellSchema({ type, title, description }: Column): Json {
  const about = { title, description };
  switch (type) {
    case 'series':
      return { type: 'array', items: { type: ['number', 'null'] }, ...about };
    case 'time':
      return { type: ['string', 'null'], format: 'date-time', ...about };
    case 'text':
    case 'ip':
    case 'state':
      return { type: ['string', 'null'], ...about };
    case 'port':
      return { type: ['integer', 'null'], ...about };
    case 'count':
    case 'ratio':
    case 'duration_ms':
    case 'bytes':
      return { type: ['number', 'string', 'null'], ...about };
  }
}

const share: Json = {
  type: 'object',
  properties: { part: { type: 'number' }, of: { type: 'number' }, ratio: { type: ['number', 'null'] } },
};

const coverage: Json = {
  type: 'object',
  description: 'what the answer rests on',
  properties: {
    nodes: share,
    seconds: share,
    connections: share,
    attribution: share,
    smallest: { type: ['number', 'null'] },
    notes: { type: 'array', items: { type: 'string' } },
  },
};

const detectors: Json = {
  type: 'array',
  description: 'of a question that has detectors, or calls something new: how these stand now',
  items: {
    type: 'object',
    properties: {
      finds: { type: 'string', description: 'such as scans; new: what the question calls new, by nodes' },
      state: { type: 'string', enum: detectorStates },
      armedAt: { type: ['string', 'null'], format: 'date-time' },
      findings: { type: 'integer', description: 'open now' },
      keys: {
        type: 'object',
        description: 'how many keys, or nodes, stand how',
        additionalProperties: { type: 'integer' },
      },
      limits: {
        type: 'array',
        description: 'some of those that cannot be judged as others are',
        items: {
          type: 'object',
          properties: {
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            why: { type: 'string' },
          },
        },
      },
    },
  },
};

function answerSchema(columns: readonly Column[]): Json {
  const cells = columns.map((column) => [column.name, cellSchema(column)]);
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: {
      question: text,
      title: text,
      from: { type: 'string', format: 'date-time' },
      to: { type: 'string', format: 'date-time' },
      bucketMs: { type: 'integer' },
      params: { type: 'object' },
      columns: { type: 'array', items: { type: 'object' } },
      rows: {
        type: 'array',
        items: { type: 'object', properties: Object.fromEntries(cells) as Json },
      },
      truncated: { type: 'boolean' },
      coverage,
      detectors,
      answeredAt: { type: 'string', format: 'date-time' },
      tookMs: { type: 'integer' },
    },
  };
}

/** By path: each question has one of its own. */
export function questionPaths(questions: readonly QuestionSummary[]): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    questions.map(({ id, title, asks, params, columns }) => [
      `/api/v1/questions/${id}`,
      {
        get: {
          operationId: `ask-${id}`,
          summary: title,
          description: asks,
          parameters: [...rangeParameters, ...[...scopeParams, ...params].map(parameter), formatParameter],
          responses: {
            200: {
              description: 'the answer with its coverage',
              content: {
                [mediaTypes.json]: { schema: answerSchema(columns) },
                [mediaTypes.ndjson]: {},
                'text/csv': {},
              },
            },
            default: { description: 'an error', content: { 'application/problem+json': {} } },
          },
        },
      },
    ]),
  );
}
