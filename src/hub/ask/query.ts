/** One query of the store, within limits: nobody's question may take the hub from the others. */

import { randomUUID } from 'node:crypto';
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';
import { ClickHouseError } from '@clickhouse/client';
import { OperatorError } from '../../lib/errors.ts';
import type { Gate } from './gate.ts';

export const queryLimits = {
  executionSMax: 30,
  rowsReadMax: 2_000_000_000,
  bytesReadMax: 200_000_000_000,
  /** One query, and all that run at once: the embedded store must keep room for what comes in. */
  memoryBytesMax: 400_000_000,
  memoryTogetherBytesMax: 600_000_000,
  /** Beyond it groups go to disk: slower, not refused. */
  groupBytesMax: 150_000_000,
  resultRowsMax: 200_000,
} as const;

const settings = {
  max_execution_time: queryLimits.executionSMax,
  timeout_before_checking_execution_speed: 0,
  max_rows_to_read: String(queryLimits.rowsReadMax),
  max_bytes_to_read: String(queryLimits.bytesReadMax),
  max_memory_usage: String(queryLimits.memoryBytesMax),
  max_memory_usage_for_user: String(queryLimits.memoryTogetherBytesMax),
  max_bytes_before_external_group_by: String(queryLimits.groupBytesMax),
  max_result_rows: String(queryLimits.resultRowsMax),
  result_overflow_mode: 'throw',
  // Subqueries of one shard would miss what the others have.
  distributed_product_mode: 'global',
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_denormals: 0,
  date_time_output_format: 'iso',
} as const;

export interface StoreQuery {
  /** For errors. */
  readonly question: string;
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

export type StoreRow = Readonly<Record<string, unknown>>;

/** What ClickHouse says when a limit was reached. */
const limitErrors: Readonly<Record<string, string>> = {
  TOO_MANY_ROWS: `${queryLimits.rowsReadMax} rows read`,
  TOO_MANY_BYTES: `${queryLimits.bytesReadMax} bytes read`,
  TOO_MANY_ROWS_OR_BYTES: `${queryLimits.resultRowsMax} rows`,
  TOO_SLOW: `${queryLimits.executionSMax} s`,
  MEMORY_LIMIT_EXCEEDED: `${queryLimits.memoryBytesMax} bytes of memory`,
};

const connectionErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT']);

/** What to throw for it. `tooLarge` knows the words of ClickHouse that are said of a limit. */
export function mendable(error: unknown, tooLarge: (type: string) => OperatorError | undefined): unknown {
  if (error instanceof ClickHouseError) {
    const told = tooLarge(error.type ?? '');
    if (told) told.cause = error;
    return told ?? error;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const isDown =
    connectionErrors.has(code ?? '') || message === 'Timeout error.' || message === 'socket hang up';
  return isDown
    ? new OperatorError('store.unreachable', { reason: code ?? message }, { cause: error })
    : error;
}

export type AskStore = (query: StoreQuery) => Promise<readonly StoreRow[]>;

/** Ends a query that runs, by its id. */
export type CancelQuery = (queryId: string) => Promise<unknown>;

/**
 * Whoever asked has gone: the store need not go on. By itself it looks for that only where a query reads
 * (`cancel_http_readonly_queries_on_client_close`), and not while one joins or sorts.
 */
function cancelWhenGone(cancel: CancelQuery, queryId: string, signal: AbortSignal): Disposable {
  const onAbort = (): void => {
    cancel(queryId).catch(() => 'it ends by its limit of time');
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) };
}

export interface AskStoreOptions {
  /** Of a user that may only read. */
  readonly client: ClickHouseClient;
  readonly cancel: CancelQuery;
  readonly gate: Gate;
  readonly settings?: ClickHouseSettings;
}

export function openAskStore({ client, cancel, gate, settings: own }: AskStoreOptions): AskStore {
  const of = { ...settings, ...own };
  return ({ question, sql, params, signal }) =>
    gate.run(async () => {
      const queryId = randomUUID();
      using _ = cancelWhenGone(cancel, queryId, signal);
      try {
        const result = await client.query({
          query: sql,
          query_id: queryId,
          query_params: { ...params },
          format: 'JSONEachRow',
          clickhouse_settings: of,
          abort_signal: signal,
        });
        return await result.json<StoreRow>();
      } catch (error) {
        signal.throwIfAborted();
        throw mendable(error, (type) => {
          const limit = type === 'TIMEOUT_EXCEEDED' ? `${of.max_execution_time} s` : limitErrors[type];
          return limit === undefined
            ? undefined
            : new OperatorError('question.too_large', { question, limit });
        });
      }
    }, signal);
}
