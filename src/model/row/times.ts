/** Times of records: RFC 3339 in, milliseconds or the same text for the store out. */

import { cellLimits, textValue, type Cell, type Moment } from './cells.ts';
import type { LogRecord } from './record.ts';
import { Rejection } from './rejection.ts';

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** What DateTime64 holds. A time outside becomes another, or text that no insert takes: a year of six digits. */
const storedTimes = { fromMs: Date.UTC(1900, 0, 1), toMs: Date.UTC(2300, 0, 1) } as const;

/** Most records of a request have the times of one window: the last text read is remembered. */
export function timeValue(label: string): (record: LogRecord) => number | undefined {
  const value = textValue(label);
  let last = '';
  let lastMs = NaN;
  return (record) => {
    const of = value(record);
    if (of === undefined) return undefined;
    if (of !== last) {
      const ms = rfc3339.test(of) ? Date.parse(of) : NaN;
      if (Number.isNaN(ms)) {
        throw new Rejection('time', `${label} is ${JSON.stringify(of.slice(0, 100))}, not an RFC 3339 time`);
      }
      [last, lastMs] = [of, ms];
    }
    return lastMs;
  };
}

/** Refuses what no clock that is nearly right can say. */
export function checkTime(label: string, ms: number, { nowMs }: Moment): number {
  if (ms >= nowMs - cellLimits.pastMsMax && ms <= nowMs + cellLimits.futureMsMax) return ms;
  const side = ms < nowMs ? 'is too old' : 'is in the future';
  const shown = Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms);
  throw new Rejection('time', `${label} ${shown} ${side}`);
}

/** By the clock of whoever receives it. */
export function correctedTime(ms: number, { clock }: Moment): number {
  return clock ? ms + clock.correctionMs : ms;
}

export function requiredTime(label: string): (record: LogRecord, moment: Moment) => number {
  const value = timeValue(label);
  return (record, moment) => {
    const ms = value(record);
    if (ms === undefined) throw new Rejection('missing', `${label} is missing`);
    return checkTime(label, correctedTime(ms, moment), moment);
  };
}

function timeText(): (ms: number) => string {
  let lastMs = NaN;
  let last = '';
  return (ms) => {
    if (ms !== lastMs) [lastMs, last] = [ms, new Date(ms).toISOString()];
    return last;
  };
}

/** A cell of the time that `read` gives. */
export function timeCell(read: (record: LogRecord, moment: Moment) => number): Cell {
  const text = timeText();
  return (record, moment) => text(read(record, moment));
}

/** A process may have been started long ago, but not at a time that DateTime64 cannot hold. */
export function nullableTime(label: string): Cell {
  const value = timeValue(label);
  const text = timeText();
  return (record) => {
    const ms = value(record);
    if (ms === undefined) return null;
    if (ms >= storedTimes.fromMs && ms < storedTimes.toMs) return text(ms);
    throw new Rejection('time', `${label} is outside the years 1900 to 2299`);
  };
}
