/**
 * Rows into the tables of a hub, in a team's own ClickHouse, without a hub between. A record that no table
 * takes is refused alone, by the same rules as a hub's.
 */

import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { Clock } from '../../../lib/clock.ts';
import { duration } from '../../../lib/schema.ts';
import { printable } from '../../../lib/terminal.ts';
import { blockTables, type Row, type TableName } from '../../../model/block.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { logRecordOf } from '../../../model/row/record.ts';
import { Rejection } from '../../../model/row/rejection.ts';
import { filledColumns, rowMaker } from '../../../model/row/rows.ts';
import type * as clickhouse from '../clickhouse/tables.ts';
import type { Exporter, OpenExporter, Receipt } from '../exporter.ts';
import { openTls, tlsSchema } from '../tls.ts';

const schema = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be the http or https address of a ClickHouse' })
      .refine((text) => new URL(text).password === '', 'must not hold a password: use password_file')
      .refine((text) => new URL(text).pathname === '/', 'must have no path')
      .default('http://127.0.0.1:8123')
      .meta({ description: 'HTTP interface of your ClickHouse' }),
    database: z
      .string()
      .regex(/^[A-Za-z_]\w{0,63}$/, 'must be a name of letters, digits and _')
      .default('sonde')
      .meta({ description: 'has the tables of a hub ([exporters](../operating/exporters.md#clickhouse))' }),
    username: z
      .string()
      .min(1)
      .default('default')
      .meta({ description: 'may insert into these tables, and select from them' }),
    password_file: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'file with the password; none without it' }),
    interval: duration({ min: '0s', max: '5m', default: '5s' }).meta({
      description:
        'shortest time between two inserts, as long as few records wait: ClickHouse wants large ones',
    }),
    tls: tlsSchema.meta({ description: 'for an https endpoint' }),
    timeout: duration({ min: '1s', max: '10m', default: '30s' }).meta({
      description: 'how long to wait for an answer before trying again',
    }),
  })
  .meta({ description: 'rows into the tables of a hub, in a ClickHouse of your own' });

type Options = z.output<typeof schema>;

/** So many records are worth an insert of their own at any time. */
const manyRecords = 2000;
/** Characters of ClickHouse's words that are shown; the first of its lines say what is wrong. */
const messageMax = 300;

const makeRow = rowMaker(filledColumns);

interface Prepared {
  readonly parts: readonly clickhouse.Part[];
  readonly refused: NonNullable<Receipt['refused']>;
}

function prepare(records: readonly NumberedRecord[], nowMs: number): Prepared {
  const rows = new Map<TableName, Row[]>(blockTables.map((table) => [table, []]));
  let [count, message] = [0, ''];
  for (const record of records) {
    try {
      const { table, row } = makeRow(logRecordOf(record), { nowMs });
      rows.get(table)?.push(row);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      count++;
      message ||= `${error.reason}: ${error.message}`;
    }
  }
  const parts = [...rows].map(([table, of]) => ({ table, rows: of })).filter((part) => part.rows.length > 0);
  return { parts, refused: { reason: 'rejected', count, message } };
}

function inWords(error: unknown): Error {
  const { message, code, type } = error as Error & { code?: string; type?: string };
  const what = type === undefined ? message : `ClickHouse answers ${type} (${String(code)}): ${message}`;
  return new Error(printable(what.replace(/\s+/g, ' ').slice(0, messageMax)), { cause: error });
}

function openInserts(tables: clickhouse.Tables, { interval, timeout }: Options, clock: Clock): OpenExporter {
  let isChecked = false;
  /** What comes next may have been inserted before: by the agent that was killed, or by a try that failed. */
  let isUncertain = true;
  let nextMs = 0;

  async function insert(parts: readonly clickhouse.Part[], signal: AbortSignal): Promise<void> {
    if (!isChecked) await tables.check(signal);
    isChecked = true;
    let isStored = false;
    for (const part of parts) {
      const rest = isUncertain ? await tables.lacking(part, signal) : part;
      isStored ||= rest.rows.length < part.rows.length;
      if (rest.rows.length > 0) await tables.insert(rest, signal);
    }
    isUncertain = isStored; // the cursor may be further behind than one batch
  }

  return {
    timeoutMs: timeout + interval,
    async deliver(records, signal) {
      const waitMs = records.length < manyRecords ? nextMs - clock.bootMs() : 0;
      if (waitMs > 0) await clock.sleep(Math.min(waitMs, interval), signal);
      const { parts, refused } = prepare(records, clock.wallMs());
      try {
        await insert(parts, signal);
      } catch (error) {
        [isChecked, isUncertain] = [false, true];
        throw signal.aborted ? (signal.reason as Error) : inWords(error);
      }
      nextMs = clock.bootMs() + interval;
      return { settled: records.length, refused };
    },
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  };
}

export const exporter: Exporter<typeof schema> = {
  name: 'clickhouse',
  summary: 'rows into a ClickHouse of your own, into the tables of a hub',
  schema,
  async open(options, { clock }) {
    const url = new URL(options.endpoint);
    const tls = openTls(url, options.tls);
    const { password_file: file } = options;
    const password = file === undefined ? '' : readFileSync(file, 'utf8').trimEnd();
    // Loaded here: the client is for agents that use it.
    const { openTables } = await import('../clickhouse/tables.ts');
    const { database, username, timeout: timeoutMs } = options;
    const place = { url: url.href, database, username, password, tls, timeoutMs };
    return openInserts(openTables(place), options, clock);
  },
};
