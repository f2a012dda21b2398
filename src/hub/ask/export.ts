/** Rows as they are stored, in a stream: of one table and range, to a reader at its own pace, within limits. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import { exportFormats, exportTables, exportTypes, type ExportFormat } from '../../question/export.ts';
import { readParams, scopeParams } from '../../question/params.ts';
import type { Asking } from './options.ts';
import { openGate } from './gate.ts';
import { mendable, type CancelQuery } from './query.ts';
import { readRange } from './range.ts';

export const exportLimits = {
  runningMax: 2,
  waitingMax: 8,
  /** Whoever reads more slowly is cut off. */
  executionSMax: 600,
  resultRowsMax: 100_000_000,
  memoryBytesMax: 400_000_000,
  /** Of a Parquet file: they are held until they are written. */
  groupRowsMax: 50_000,
} as const;

const settings = {
  max_execution_time: exportLimits.executionSMax,
  timeout_before_checking_execution_speed: 0,
  max_result_rows: String(exportLimits.resultRowsMax),
  result_overflow_mode: 'throw',
  max_memory_usage: String(exportLimits.memoryBytesMax),
  max_threads: 2,
  max_block_size: '8192',
  output_format_json_quote_64bit_integers: 0,
  output_format_parquet_row_group_size: String(exportLimits.groupRowsMax),
  output_format_parquet_parallel_encoding: 0,
  date_time_output_format: 'iso',
} as const;

const storeFormats: Readonly<Record<ExportFormat, string>> = { ndjson: 'JSONEachRow', parquet: 'Parquet' };

/** What ClickHouse says when a limit was reached before the first row. */
const limitErrors: Readonly<Record<string, string>> = {
  TIMEOUT_EXCEEDED: `${exportLimits.executionSMax} s`,
  TOO_MANY_ROWS_OR_BYTES: `${exportLimits.resultRowsMax} rows`,
  MEMORY_LIMIT_EXCEEDED: `${exportLimits.memoryBytesMax} bytes of memory`,
};

const params = scopeParams.filter(({ name }) => name === 'host' || name === 'environment');

function fail({ param, problem }: { readonly param: string; readonly problem: string }): never {
  throw new OperatorError('export.bad_param', { param, problem });
}

function formatOf(text: string): ExportFormat {
  const format = exportFormats.find((each) => each === text);
  return format ?? fail({ param: 'format', problem: `must be ${exportFormats.join(' or ')}; got ${text}` });
}

export interface Exported {
  readonly type: string;
  /** Ends with an error where not all rows came. */
  readonly stream: Readable;
}

export interface Exports {
  /** `query`: since, from, to, host, environment, format. Rejects with an OperatorError before the first row. */
  rows(table: string, asking: Asking): Promise<Exported>;
}

export interface ExportOptions {
  /** Of a user that may only read. */
  readonly client: ClickHouseClient;
  readonly cancel: CancelQuery;
  readonly clock: Clock;
}

interface Wanted {
  readonly format: ExportFormat;
  readonly params: Readonly<Record<string, unknown>>;
}

function wanted(table: string, query: Asking['query'], nowMs: number): Wanted {
  const time = Object.hasOwn(exportTables, table) ? exportTables[table] : undefined;
  if (time === undefined) {
    throw new OperatorError('export.table', { table, known: Object.keys(exportTables).join(', ') });
  }
  const { since, from, to, format = 'ndjson', ...given } = query;
  const range = readRange({ since, from, to }, nowMs);
  if ('problem' in range) return fail(range);
  const scope = readParams(params, given);
  if ('problem' in scope) return fail(scope);
  return {
    format: formatOf(format),
    params: {
      table,
      time,
      from: new Date(range.fromMs),
      to: new Date(range.toMs),
      host: scope.values['host'],
      environment: scope.values['environment'],
    },
  };
}

export function openExports({ client, cancel, clock }: ExportOptions): Exports {
  const sql = readFileSync(new URL('export/rows.sql', import.meta.url), 'utf8');
  const gate = openGate(exportLimits);

  async function begin(table: string, of: Wanted, signal: AbortSignal): Promise<Readable> {
    const queryId = randomUUID();
    const onAbort = (): void => {
      cancel(queryId).catch(() => 'it ends by its limit of time');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { stream } = await client.exec({
        query: `${sql}FORMAT ${storeFormats[of.format]}`,
        query_id: queryId,
        query_params: of.params,
        clickhouse_settings: settings,
        abort_signal: signal,
      });
      const end = (): void => {
        stream.destroy(signal.reason as Error);
      };
      signal.addEventListener('abort', end, { once: true });
      stream.once('close', () => {
        signal.removeEventListener('abort', onAbort);
        signal.removeEventListener('abort', end);
      });
      return stream;
    } catch (error) {
      signal.removeEventListener('abort', onAbort);
      signal.throwIfAborted();
      throw mendable(error, (type) => {
        const limit = limitErrors[type];
        return limit === undefined ? undefined : new OperatorError('export.too_large', { table, limit });
      });
    }
  }

  return {
    async rows(table, { query, signal }) {
      const of = wanted(table, query, clock.wallMs());
      const { promise, resolve, reject } = Promise.withResolvers<Readable>();
      // Its place is free when the last byte was read, or whoever reads has gone.
      const whole = gate.run(async () => {
        const stream = await begin(table, of, signal);
        resolve(stream);
        await finished(stream).catch(() => 'whoever reads it is told');
      }, signal);
      whole.catch(reject);
      return { type: exportTypes[of.format], stream: await promise };
    },
  };
}
