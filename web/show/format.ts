/** How values are written. The same words as the command line's (src/lib/units.ts) wherever both write them. */
import { formatBytes, formatMs } from '../../src/lib/units.ts';
import type { Cell, ColumnType } from '../../src/question/contract.ts';

const counts = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });

export const missing = '–';

/** `12,345`. */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** Rounded down, so that only the whole is 100 %. */
export function formatRatio(ratio: number): string {
  const percent = Math.floor(ratio * 1000 + 1e-9) / 10;
  return `${percent === 0 || percent === 100 ? percent : percent.toFixed(1)} %`;
}

/** A 64-bit number may come as text. */
export function numberOf(value: Cell | undefined): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return undefined;
}

export function seriesOf(value: Cell | undefined): readonly (number | null)[] | undefined {
  return Array.isArray(value) ? (value as readonly (number | null)[]) : undefined;
}

/** RFC 3339; a time without a zone is in UTC, as everything in the store is. */
export function timeOf(value: Cell | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replace(' ', 'T');
  const timeMs = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

const timeFormats = new Map<string, Intl.DateTimeFormat>();

function timeFormat(timeZone: string | undefined, parts: 'day' | 'clock' | 'minutes'): Intl.DateTimeFormat {
  const key = `${timeZone ?? ''} ${parts}`;
  let format = timeFormats.get(key);
  if (format === undefined) {
    const options: Intl.DateTimeFormatOptions =
      parts === 'day'
        ? { day: 'numeric', month: 'short' }
        : { hour: '2-digit', minute: '2-digit', ...(parts === 'clock' && { second: '2-digit' }) };
    format = new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', timeZone, ...options });
    timeFormats.set(key, format);
  }
  return format;
}

/** `14:02:11`, on this machine's clock unless it says which. */
export function formatClock(timeMs: number, timeZone?: string): string {
  return timeFormat(timeZone, 'clock').format(timeMs);
}

/** `14:02`. */
export function formatMinutes(timeMs: number, timeZone?: string): string {
  return timeFormat(timeZone, 'minutes').format(timeMs);
}

export function formatDay(timeMs: number, timeZone?: string): string {
  return timeFormat(timeZone, 'day').format(timeMs);
}

/** `14:02:11`, with the day when it is not that of `nearMs`. */
export function formatTime(timeMs: number, nearMs: number, timeZone?: string): string {
  const day = formatDay(timeMs, timeZone);
  const time = formatClock(timeMs, timeZone);
  return day === formatDay(nearMs, timeZone) ? time : `${day} ${time}`;
}

/** `2026-11-25 14:02:11.000 UTC`. */
export function formatUtc(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('T', ' ').replace('Z', ' UTC');
}

const spanUnits = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** `58 of 60 min`: both in the largest unit that leaves the whole above 2. */
export function formatSpan(span: { readonly partS: number; readonly ofS: number }): string {
  const [unit, seconds] = spanUnits.find(([, unitS]) => span.ofS >= 2 * unitS) ?? ['s', 1];
  const show = (valueS: number): string => counts.format(Math.floor((valueS / seconds) * 10 + 1e-6) / 10);
  return `${show(span.partS)} of ${show(span.ofS)} ${unit}`;
}

function formatNumber(type: ColumnType, value: number): string {
  if (type === 'duration_ms') return formatMs(value);
  if (type === 'bytes') return formatBytes(value);
  if (type === 'ratio') return formatRatio(value);
  return type === 'port' ? String(value) : formatCount(value);
}

/** One line of text. Times and series have forms of their own beside this. */
export function formatCell(type: ColumnType, value: Cell | undefined): string {
  if (value === null || value === undefined || value === '') return missing;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  const series = seriesOf(value);
  if (series !== undefined)
    return series.map((each) => (each === null ? missing : counts.format(each))).join(' ');
  if (['text', 'ip', 'state', 'time'].includes(type)) return String(value);
  // Counts are exact, also those that are too large for a number.
  if (type === 'count' && typeof value === 'string' && /^\d+$/.test(value))
    return counts.format(BigInt(value));
  const number = numberOf(value);
  return number === undefined ? String(value) : formatNumber(type, number);
}

/** Types whose values are compared by size, so they stand to the right. */
export function isNumeric(type: ColumnType): boolean {
  return ['port', 'count', 'ratio', 'duration_ms', 'bytes'].includes(type);
}
