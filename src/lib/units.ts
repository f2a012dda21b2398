/** Durations and sizes with their unit, as people write them in a configuration. */

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  return factor === undefined ? undefined : Number(match?.[1]) * factor;
}

/** `250ms`, `10s`, `5m`, `1h`, `7d` in milliseconds; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  return parse(text, durations);
}

/** `512KiB`, `100MB`, `4GiB` in bytes; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const bytes = parse(text, sizes);
  return bytes === undefined ? undefined : Math.round(bytes);
}

/** `1.5 min`, `3.07 s`, `20.2 ms`, `540 µs`. */
export function formatMs(ms: number): string {
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** `980 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
