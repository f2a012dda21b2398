/** Asks the hub over HTTP. What it says went through a network: whoever shows it escapes it. */

import { Readable } from 'node:stream';
import * as z from 'zod';
import { OperatorError } from '../lib/errors.ts';
import type { Answer, QuestionSummary } from '../question/contract.ts';
import { destinationListSchema, type DestinationList } from '../question/destination.ts';
import type { Finding } from '../question/finding.ts';
import { facetsSchema, type Facets, type SearchAnswer } from '../question/search/contract.ts';
import type { Option, Values } from './command.ts';

export const defaultHub = 'http://127.0.0.1:7400';

/** The option of those who ask a hub. */
export const hubOption: Option = {
  type: 'string',
  value: 'URL',
  help: `the hub to ask; SONDE_HUB, or ${defaultHub}`,
};

export function hubUrl({ hub }: Values): string {
  return typeof hub === 'string' ? hub : (process.env['SONDE_HUB'] ?? defaultHub);
}

/** The hub gives up on a question before that. */
export const answerMsMax = 120_000;

export interface HubOptions {
  /** Such as http://127.0.0.1:7400 */
  readonly url: string;
  readonly signal: AbortSignal;
}

const problemSchema = z.object({
  detail: z.string().default('no reason given'),
  what_to_do: z.string().default('see the log of the hub'),
});

// Only so much as is needed to tell a hub from something else that listens there.
const questionsSchema = z.object({ questions: z.array(z.looseObject({ id: z.string() })) });
const findingsSchema = z.object({
  findings: z.array(z.looseObject({ id: z.string(), labels: z.record(z.string(), z.string()) })),
});
const answerSchema = z.looseObject({
  columns: z.array(z.looseObject({})),
  rows: z.array(z.record(z.string(), z.unknown())),
  coverage: z.looseObject({ notes: z.array(z.string()) }),
});

export function unreachable(url: string, error: unknown): OperatorError {
  const { cause, message } = error as Error;
  const { code, message: why } = (cause ?? {}) as { code?: string; message?: string };
  return new OperatorError('hub.unreachable', { url, reason: code ?? why ?? message }, { cause: error });
}

export function refused(status: number, body: unknown): OperatorError {
  const { detail, what_to_do: hint } = problemSchema.parse(body);
  return new OperatorError(status < 500 ? 'hub.refused' : 'hub.failed', { detail, hint });
}

async function get<T extends z.ZodType>(
  path: string,
  schema: T,
  { url, signal }: HubOptions,
): Promise<z.output<T>> {
  if (!URL.canParse(path, url)) throw new OperatorError('hub.unreachable', { url, reason: 'no URL' });
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(new URL(path, url), {
      headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    });
    body = await response.json();
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(url, error);
  }
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
  if (!response.ok && isProblem) throw refused(response.status, body);
  const parsed = schema.safeParse(body);
  if (parsed.success && response.ok) return parsed.data;
  throw new OperatorError('hub.unreachable', { url, reason: 'what answers there is no hub' });
}

/** A body that may be long, as it comes. It ends with an error where the hub could not send all of it. */
export async function fetchStream(path: string, { url, signal }: HubOptions): Promise<Readable> {
  if (!URL.canParse(path, url)) throw new OperatorError('hub.unreachable', { url, reason: 'no URL' });
  let response: Response;
  try {
    response = await fetch(new URL(path, url), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(url, error);
  }
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/problem+json')) throw refused(response.status, await response.json());
  if (response.ok && response.body && !type.startsWith('text/html')) return Readable.fromWeb(response.body);
  throw new OperatorError('hub.unreachable', { url, reason: 'what answers there is no hub' });
}

const statusSchema = z.looseObject({ retention: z.record(z.string(), z.string()).default({}) });

/** How long the hub keeps what, as hub.yaml says it. */
export async function fetchRetention(options: HubOptions): Promise<Readonly<Record<string, string>>> {
  return (await get('/api/v1/status', statusSchema, options)).retention;
}

export async function fetchQuestions(options: HubOptions): Promise<readonly QuestionSummary[]> {
  const { questions } = await get('/api/v1/questions', questionsSchema, options);
  return questions as unknown as readonly QuestionSummary[];
}

export async function fetchFindings(
  query: Readonly<Record<string, string>>,
  options: HubOptions,
): Promise<readonly Finding[]> {
  const search = new URLSearchParams(query).toString();
  const { findings } = await get(`/api/v1/findings?${search}`, findingsSchema, options);
  return findings as unknown as readonly Finding[];
}

export async function fetchSearch(
  query: Readonly<Record<string, string>>,
  options: HubOptions,
): Promise<SearchAnswer> {
  const search = new URLSearchParams(query).toString();
  return (await get(`/api/v1/search?${search}`, answerSchema, options)) as unknown as SearchAnswer;
}

export async function fetchFacets(
  query: Readonly<Record<string, string>>,
  options: HubOptions,
): Promise<Facets> {
  return get(`/api/v1/facets?${new URLSearchParams(query).toString()}`, facetsSchema, options);
}

export async function fetchDestinations(
  query: Readonly<Record<string, string>>,
  options: HubOptions,
): Promise<DestinationList> {
  const search = new URLSearchParams(query).toString();
  return await get(`/api/v1/destinations?${search}`, destinationListSchema, options);
}

export async function fetchAnswer(
  id: string,
  query: Readonly<Record<string, string>>,
  options: HubOptions,
): Promise<Answer> {
  const search = new URLSearchParams(query).toString();
  const answer = await get(`/api/v1/questions/${encodeURIComponent(id)}?${search}`, answerSchema, options);
  return answer as unknown as Answer;
}
