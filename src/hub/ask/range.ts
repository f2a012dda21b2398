/** The range of time that is asked about, and the level of the store that answers it. */

import assert from 'node:assert/strict';
import { formatDuration, parseDurationMs } from '../../lib/units.ts';
import type { ParamProblem } from '../../question/params.ts';

/** [from, to), Unix time. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000] as const;

export const rangeLimits = {
  durationMsMin: minuteMs,
  durationMsMax: 400 * dayMs,
  /** Clocks of those who ask differ from the hub's. */
  futureMsMax: 5 * minuteMs,
  seriesBucketsMax: 60,
} as const;

const defaultSince = '1h';

export interface RangeGiven {
  readonly since?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;

function moment(param: string, text: string): number | ParamProblem {
  const ms = rfc3339.test(text) ? Date.parse(text) : NaN;
  // Date.parse takes 30 February for 2 March.
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  if (!Number.isNaN(ms) && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()) return ms;
  return { param, problem: `must be a time such as 2026-01-31T14:00:00Z; got ${text}` };
}

/** `since` (an hour by default), or `from` and `to` (now by default). */
export function readRange({ since, from, to }: RangeGiven, nowMs: number): TimeRange | ParamProblem {
  if (from === undefined) {
    if (to !== undefined) return { param: 'to', problem: 'needs from' };
    const lengthMs = parseDurationMs(since ?? defaultSince);
    if (lengthMs === undefined) {
      return { param: 'since', problem: `must be a duration such as 15m; got ${since ?? ''}` };
    }
    return checked({ fromMs: nowMs - lengthMs, toMs: nowMs }, { param: 'since', nowMs });
  }
  if (since !== undefined) return { param: 'since', problem: 'cannot be given together with from' };
  const fromMs = moment('from', from);
  const toMs = to === undefined ? nowMs : moment('to', to);
  if (typeof fromMs !== 'number') return fromMs;
  if (typeof toMs !== 'number') return toMs;
  return checked({ fromMs, toMs }, { param: to === undefined ? 'from' : 'to', nowMs });
}

function checked(
  range: TimeRange,
  { param, nowMs }: { readonly param: string; readonly nowMs: number },
): TimeRange | ParamProblem {
  const { durationMsMin, durationMsMax, futureMsMax } = rangeLimits;
  const lengthMs = range.toMs - range.fromMs;
  if (range.toMs > nowMs + futureMsMax) return { param, problem: 'is in the future' };
  if (lengthMs >= durationMsMin && lengthMs <= durationMsMax && range.fromMs >= 0) return range;
  const bounds = `${formatDuration(durationMsMin)} to ${formatDuration(durationMsMax)}`;
  return { param, problem: `must make a range of ${bounds}` };
}

export interface Level {
  readonly suffix: '' | '_1m' | '_1h';
  /** Ranges are widened to whole ones, and a bucket of a series is one or several. */
  readonly grainMs: number;
  /** Longest range that is asked of this level. */
  readonly rangeMsMax: number;
}

/** What an agent's window takes by default; it begins at a whole multiple, or milliseconds later. */
const windowMs = 10_000;

/** From fine to coarse; the last takes what the others do not. */
const levels: readonly [Level, Level, Level] = [
  { suffix: '', grainMs: windowMs, rangeMsMax: 6 * hourMs },
  { suffix: '_1m', grainMs: minuteMs, rangeMsMax: 7 * dayMs },
  { suffix: '_1h', grainMs: hourMs, rangeMsMax: Infinity },
];

/** Rows as they came, and their sums per minute. */
export const [rawLevel, minuteLevel] = levels;

/** How long the store keeps what. */
export interface Retention {
  readonly flowsMs: number;
  readonly flows1mMs: number;
  /** Of each level, before which moment all was dropped for want of disk; 0 for nothing. */
  readonly droppedUntilMs?: (level: 'flows' | 'minutes' | 'hours') => number;
}

/** The finest level that has the whole range and answers it in reasonable time. */
export function levelOf({ fromMs, toMs }: TimeRange, nowMs: number, retention: Retention): Level {
  const [raw, minutes, hours] = levels;
  const dropped = retention.droppedUntilMs ?? (() => 0);
  const has = (level: Level, keptMs: number, untilMs: number): boolean =>
    toMs - fromMs <= level.rangeMsMax && fromMs >= Math.max(nowMs - keptMs, untilMs);
  if (has(raw, retention.flowsMs, dropped('flows'))) return raw;
  return has(minutes, retention.flows1mMs, dropped('minutes')) ? minutes : hours;
}

/**
 * Whole grains that hold the range. The one that is under way ends now: to a question that asks who was heard
 * lately, the end of its hour would make everybody silent.
 */
export function widen({ fromMs, toMs }: TimeRange, { grainMs }: Level, nowMs: number): TimeRange {
  return {
    fromMs: Math.floor(fromMs / grainMs) * grainMs,
    toMs: Math.min(Math.ceil(toMs / grainMs) * grainMs, Math.max(toMs, nowMs)),
  };
}

/** From one to the next: a bucket that held now one window and now two would show waves that nobody made. */
const bucketSizesMs: readonly number[] = [
  ...[10, 20, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minuteMs),
  ...[1, 2, 3, 6, 12].map((hours) => hours * hourMs),
  ...[1, 2, 7].map((days) => days * dayMs),
];

export interface Buckets {
  readonly bucketMs: number;
  readonly buckets: number;
}

/**
 * A round length that cuts what was asked into at most `seriesBucketsMax`, and how many hold `widened`: two
 * more at most.
 */
export function bucketsOf(
  { fromMs, toMs }: TimeRange,
  { widened, level }: { readonly widened: TimeRange; readonly level: Level },
): Buckets {
  const fits = (ms: number): boolean =>
    ms % level.grainMs === 0 && (toMs - fromMs) / ms <= rangeLimits.seriesBucketsMax;
  const bucketMs = bucketSizesMs.find(fits);
  assert.ok(bucketMs !== undefined, 'the longest bucket cuts the longest range');
  return { bucketMs, buckets: Math.ceil((widened.toMs - widened.fromMs) / bucketMs) };
}
