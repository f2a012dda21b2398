/** Durations and sizes with their unit, as people write them in a configuration. */

const durations: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

export const durationUnits: readonly string[] = Object.keys(durations);
export const sizeUnits: readonly string[] = Object.keys(sizes);

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text);
  const unit = match?.[2] ?? '';
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return factor === undefined ? undefined : Number(match?.[1]) * factor;
}

/** `250ms`, `10s`, `5m`, `1h`, `7d` in whole milliseconds; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const ms = parse(text, durations);
  return ms === undefined ? undefined : Math.round(ms);
}

/** `512KiB`, `100MB`, `4GiB` in bytes; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const bytes = parse(text, sizes);
  return bytes === undefined ? undefined : Math.round(bytes);
}

/** `2.5%` as a share, 0.025; undefined for anything else. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  return match ? Number(match[1]) / 100 : undefined;
}

/** As `parseDurationMs` reads it, in the largest unit that gives a whole number: `90s`, `1h`, `400d`. */
export function formatDuration(ms: number): string {
  const units = Object.entries(durations).reverse();
  const [unit, factor] = units.find(([, length]) => ms >= length && ms % length === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}

/** Three significant digits at most: units change where rounding would make a fourth. */
function threeDigits(value: number, decimalsMax: number): string {
  return value.toFixed(value >= 99.95 ? 0 : Math.min(decimalsMax, value >= 9.995 ? 1 : 2));
}

/** `540 µs`, `20.0 ms`, `1.50 s`: three significant digits, as far as there are any. */
export function formatMs(ms: number): string {
  if (ms < 0.9995) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms >= 59_950) return `${threeDigits(ms / 60_000, 2)} min`;
  if (ms >= 999.5) return `${threeDigits(ms / 1000, 2)} s`;
  return `${threeDigits(ms, 2)} ms`;
}

/** `980 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value.toFixed(0) : threeDigits(value, 1)} ${units[unit] ?? ''}`;
}
