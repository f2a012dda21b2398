/** Answers questions: parameters and range → level → rows and coverage → the typed answer. */

import { OperatorError } from '../../lib/errors.ts';
import type { Answer, Coverage, ParamValue, QuestionSummary } from '../../question/contract.ts';
import type { Question } from '../../question/discovery.ts';
import { summedTables, unrolledTables } from '../../question/manifest.ts';
import { nothingExpected, type InForce } from '../../question/expectation.ts';
import { readParams, scopeParams, sqlParams, type ParamProblem } from '../../question/params.ts';
import { cells } from './cells.ts';
import { askCoverage, scopeOf } from './coverage.ts';
import { openDestinations, type AskDestinations } from './destinations.ts';
import { droppedNotes } from './dropped.ts';
import { openGate } from './gate.ts';
import { openMap, type AskMap } from './map.ts';
import type { Asking, AskOptions } from './options.ts';
import { openOverview, type AskOverview } from './overview.ts';
import { openAskStore, type AskStore, type StoreRow } from './query.ts';
import { bucketsOf, levelOf, minuteLevel, rawLevel, readRange, widen } from './range.ts';
import type { Buckets, Level, Retention, TimeRange } from './range.ts';
import { openSearch, type AskSearch } from './search.ts';

export const gateLimits = { runningMax: 4, waitingMax: 32 } as const;

export interface Ask extends AskMap, AskSearch, AskDestinations, AskOverview {
  questions(): readonly QuestionSummary[];
  /** Rejects with an OperatorError for what whoever asks can mend. */
  answer(id: string, asking: Asking): Promise<Answer>;
  /** Resolves when nobody is being answered. */
  idle(signal: AbortSignal): Promise<void>;
}

/** A question with all that it needs to be put to the store. */
interface Inquiry {
  readonly question: Question;
  readonly range: TimeRange;
  /** Before it was widened. */
  readonly asked: TimeRange;
  readonly askedMs: number;
  readonly level: Level;
  readonly series: Buckets;
  readonly nowMs: number;
  readonly values: Readonly<Record<string, ParamValue>>;
  readonly signal: AbortSignal;
}

function fail(question: Question, { param, problem }: ParamProblem): never {
  throw new OperatorError('question.bad_param', { question: question.id, param, problem });
}

function inquire(question: Question, { query, signal }: Asking, options: AskOptions): Inquiry {
  const nowMs = options.clock.wallMs();
  const { since, from, to, ...given } = query;
  const asked = readRange({ since, from, to }, nowMs);
  if ('problem' in asked) return fail(question, asked);
  const read = readParams([...scopeParams, ...question.summary.params], given);
  if ('problem' in read) return fail(question, read);
  const level = levelOf(asked, nowMs, options.retention);
  const range = widen(asked, level, nowMs);
  const series = bucketsOf(asked, { widened: range, level });
  const askedMs = asked.toMs - asked.fromMs;
  const at = { range, asked, askedMs, level, series, nowMs };
  return { question, values: read.values, signal, ...at };
}

function rangeParams({ range }: Inquiry): { from: Date; to: Date } {
  return { from: new Date(range.fromMs), to: new Date(range.toMs) };
}

/** One row more than asked for tells whether there are more. */
function askRows(store: AskStore, inquiry: Inquiry, { digest }: InForce): Promise<readonly StoreRow[]> {
  const { question, level, series, values, signal } = inquiry;
  const sums = level === rawLevel ? minuteLevel : level;
  const tables = question.reads.flatMap((table) =>
    summedTables.includes(table)
      ? [
          [table, `${table}${level.suffix}`],
          [`${table}_sums`, `${table}${sums.suffix}`],
        ]
      : [[table, table]],
  );
  return store({
    question: question.id,
    sql: question.sql,
    params: {
      ...sqlParams([...scopeParams, ...question.summary.params], values),
      ...(Object.fromEntries(tables) as Record<string, string>),
      ...rangeParams(inquiry),
      limit: Number(values['limit']) + 1,
      bucket_ms: series.bucketMs,
      buckets: series.buckets,
      expectations: digest,
    },
    signal,
  });
}

async function coverageWithDrops(store: AskStore, inquiry: Inquiry, retention: Retention): Promise<Coverage> {
  const { question, values } = inquiry;
  const coverage = await askCoverage(store, { ...inquiry, question: question.id, scope: scopeOf(values) });
  const readsUnrolled = question.reads.some((table) => unrolledTables.includes(table));
  const dropped = droppedNotes({ ...inquiry, readsUnrolled }, retention);
  return { ...coverage, notes: [...dropped, ...coverage.notes] };
}

/** An answer that looks at what is expected rests on that, too. */
function withNotes(coverage: Coverage, { notes }: InForce): Coverage {
  return notes.length === 0 ? coverage : { ...coverage, notes: [...coverage.notes, ...notes] };
}

async function answer(
  store: AskStore,
  inquiry: Inquiry,
  { clock, retention, expectations }: AskOptions,
): Promise<Answer> {
  const startNs = clock.monotonicNs();
  const { question, range, series, nowMs, values } = inquiry;
  const expected = question.takesExpectations ? await expectations?.() : undefined;
  const inForce = expected ?? nothingExpected;
  const [rows, coverage] = await Promise.all([
    askRows(store, inquiry, inForce),
    coverageWithDrops(store, inquiry, retention),
  ]);
  const { id, title, columns } = question.summary;
  const limit = Number(values['limit']);
  return {
    question: id,
    title,
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    bucketMs: series.bucketMs,
    params: values,
    columns,
    rows: rows.slice(0, limit).map((row) => cells(row, columns)),
    truncated: rows.length > limit,
    coverage: withNotes(coverage, inForce),
    answeredAt: new Date(nowMs).toISOString(),
    tookMs: Math.round(Number(clock.monotonicNs() - startNs) / 1e6),
  };
}

export function openAsk(options: AskOptions): Ask {
  const { client, cancel, questions } = options;
  const gate = openGate(gateLimits);
  const store = openAskStore({ client, cancel, gate, settings: { priority: '1' } });
  const listed = [...questions].sort((a, b) => a.order - b.order || a.id.localeCompare(b.id));
  const summaries = listed.map(({ summary }) => summary);
  return {
    ...openMap(store, options),
    ...openSearch(store, options),
    ...openDestinations(store, options),
    ...openOverview(store, options),
    questions: () => summaries,
    idle: (signal) => gate.idle(signal),
    async answer(id, asking) {
      const question = questions.find((each) => each.id === id);
      if (question === undefined) {
        const known = questions.map((each) => each.id).join(', ') || 'none is installed';
        throw new OperatorError('question.unknown', { question: id, known });
      }
      return answer(store, inquire(question, asking, options), options);
    },
  };
}
