/** What the page opens with: light enough to be asked every few seconds by everybody who looks. */

import { readFileSync } from 'node:fs';
import { OperatorError } from '../../lib/errors.ts';
import type { Overview } from '../../question/overview.ts';
import { readParams, scopeParams } from '../../question/params.ts';
import { askCoverage, scopeOf } from './coverage.ts';
import { droppedNotes } from './dropped.ts';
import type { Asking, AskOptions } from './options.ts';
import type { AskStore, StoreRow } from './query.ts';
import { bucketsOf, levelOf, minuteLevel, rawLevel, readRange, widen } from './range.ts';

const activitySql = readFileSync(new URL('overview/activity.sql', import.meta.url), 'utf8');
const taken = scopeParams.filter(({ name }) => name !== 'limit');

/** How a connection ends that nobody wanted. */
const failedStates: readonly string[] = ['refused', 'timed_out', 'unreachable', 'reset', 'failed'];

export interface AskOverview {
  /** Rejects with an OperatorError for what whoever asks can mend. */
  overview(asking: Asking): Promise<Overview>;
}

function fail({ param, problem }: { readonly param: string; readonly problem: string }): never {
  throw new OperatorError('request.malformed', { reason: `${param} ${problem}` });
}

function byBucket(rows: readonly StoreRow[], buckets: number, count: 'opened' | 'ended'): number[] {
  const sums = new Array<number>(buckets).fill(0);
  for (const row of rows) {
    const bucket = Number(row['bucket']);
    sums[bucket] = (sums[bucket] ?? 0) + Number(row[count]);
  }
  return sums;
}

function failedOf(rows: readonly StoreRow[], buckets: number): Overview['failed'] {
  return failedStates
    .map((state) => {
      const of = rows.filter((row) => row['state'] === state);
      const connections = of.reduce((sum, row) => sum + Number(row['ended']), 0);
      return { state, connections, byBucket: byBucket(of, buckets, 'ended') };
    })
    .filter(({ connections }) => connections > 0)
    .sort((a, b) => b.connections - a.connections);
}

export function openOverview(store: AskStore, options: AskOptions): AskOverview {
  return {
    async overview({ query, signal }) {
      const nowMs = options.clock.wallMs();
      const { since, from, to, ...given } = query;
      const asked = readRange({ since, from, to }, nowMs);
      if ('problem' in asked) return fail(asked);
      const read = readParams(taken, given);
      if ('problem' in read) return fail(read);
      const { values } = read;
      const finest = levelOf(asked, nowMs, options.retention);
      const level = finest === rawLevel ? minuteLevel : finest;
      const range = widen(asked, level, nowMs);
      const series = bucketsOf(asked, { widened: range, level });
      const scope = scopeOf(values);
      const [rows, coverage] = await Promise.all([
        store({
          question: 'overview',
          sql: activitySql,
          params: {
            from: new Date(range.fromMs),
            to: new Date(range.toMs),
            ...scope,
            own: values['own'],
            flows: `flows${level.suffix}`,
            bucket_ms: series.bucketMs,
          },
          signal,
        }),
        askCoverage(store, {
          question: 'overview',
          range,
          askedMs: asked.toMs - asked.fromMs,
          level,
          nowMs,
          scope,
          signal,
        }),
      ]);
      const dropped = droppedNotes(
        // Of what could be read as it came, minutes are read all the same.
        { asked, level: finest, nowMs, readsUnrolled: false },
        options.retention,
      );
      return {
        from: new Date(range.fromMs).toISOString(),
        to: new Date(range.toMs).toISOString(),
        bucketMs: series.bucketMs,
        opened: byBucket(rows, series.buckets, 'opened'),
        failed: failedOf(rows, series.buckets),
        coverage: { ...coverage, notes: [...dropped, ...coverage.notes] },
      };
    },
  };
}
