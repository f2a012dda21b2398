/** The hub's API as the page uses it. */
import type { Answer, QuestionSummary } from '../../src/question/contract.ts';
import { eventReader } from '../../src/question/event-stream.ts';
import type { StreamEvent } from '../../src/question/event-stream.ts';
import type { Finding } from '../../src/question/finding.ts';
import type { Overview } from '../../src/question/overview.ts';
import type { Facets, SearchAnswer } from '../../src/question/search/contract.ts';

export interface QuestionList {
  readonly questions: readonly QuestionSummary[];
}

export interface Problem {
  /** What is wrong, in one line. */
  readonly title: string;
  readonly detail: string;
  readonly whatToDo: string;
  /** Worth asking again: the hub is away, starting or busy. Otherwise the same again would fail the same. */
  readonly isPassing: boolean;
}

/** Longer than the hub lets a query run, so that the hub's own word comes first. */
const answerMsMax = 60_000;

export class AskError extends Error {
  override readonly name = 'AskError';
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.title, options);
    this.problem = problem;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** RFC 9457, as far as it is there. */
async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text();
  let body: Record<string, unknown> = {};
  if (response.headers.get('content-type')?.includes('json') === true) {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) body = value as Record<string, unknown>;
  }
  const isPassing = response.status >= 500 || response.status === 429;
  return {
    title: textOf(body['title']) || `The hub answers ${response.status}`,
    detail: textOf(body['detail']),
    whatToDo: textOf(body['what_to_do']),
    isPassing,
  };
}

export async function ask(url: string, signal: AbortSignal): Promise<unknown> {
  let response: Response;
  let value: unknown;
  try {
    response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    });
    if (response.ok) value = await response.json();
  } catch (error) {
    signal.throwIfAborted();
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    const title = isLate ? 'The hub takes too long' : 'The hub does not answer';
    throw new AskError({ title, detail: '', whatToDo: '', isPassing: true }, { cause: error });
  }
  if (!response.ok) throw new AskError(await readProblem(response));
  return value;
}

function notUnderstood(detail: string): AskError {
  return new AskError({
    title: 'The hub’s answer is not understood',
    detail,
    whatToDo: 'Reload the page: the hub may be of another version now.',
    isPassing: false,
  });
}

export async function askQuestions(url: string, signal: AbortSignal): Promise<QuestionList> {
  const value = (await ask(url, signal)) as Partial<QuestionList> | null;
  if (!Array.isArray(value?.questions)) throw notUnderstood('There are no questions in it.');
  return value as QuestionList;
}

export async function askAnswer(url: string, signal: AbortSignal): Promise<Answer> {
  const value = (await ask(url, signal)) as Partial<Answer> | null;
  const isWhole = Array.isArray(value?.rows) && Array.isArray(value.columns) && value.coverage !== undefined;
  if (!isWhole) throw notUnderstood('Its rows, columns or coverage are missing.');
  return value as Answer;
}

export async function askOverview(url: string, signal: AbortSignal): Promise<Overview> {
  const value = (await ask(url, signal)) as Partial<Overview> | null;
  const isWhole = Array.isArray(value?.opened) && Array.isArray(value.failed) && value.coverage !== undefined;
  if (!isWhole) throw notUnderstood('Its counts or coverage are missing.');
  return value as Overview;
}

export interface FindingList {
  readonly findings: readonly Finding[];
}

export async function askFindings(url: string, signal: AbortSignal): Promise<FindingList> {
  const value = (await ask(url, signal)) as Partial<FindingList> | null;
  if (!Array.isArray(value?.findings)) throw notUnderstood('There are no findings in it.');
  return value as FindingList;
}

export async function askSearch(url: string, signal: AbortSignal): Promise<SearchAnswer> {
  return (await askAnswer(url, signal)) as SearchAnswer;
}

export async function askFacets(url: string, signal: AbortSignal): Promise<Facets> {
  const value = (await ask(url, signal)) as Partial<Facets> | null;
  if (!Array.isArray(value?.facets)) throw notUnderstood('There are no facets in it.');
  return value as Facets;
}

function away(cause: unknown): AskError {
  const title = 'The hub does not answer';
  return new AskError({ title, detail: '', whatToDo: '', isPassing: true }, { cause });
}

/** Tells events as they come, until the hub ends it: then it rejects, as it does where it never began. */
export async function followTail(
  url: string,
  { signal, tell }: { readonly signal: AbortSignal; readonly tell: (events: readonly StreamEvent[]) => void },
): Promise<never> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw away(error);
  }
  if (!response.ok) throw new AskError(await readProblem(response));
  const read = eventReader();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const part = await reader?.read().catch((error: unknown) => {
      signal.throwIfAborted();
      throw away(error);
    });
    if (part === undefined || part.done) throw away(undefined);
    tell(read(part.value));
  }
}
