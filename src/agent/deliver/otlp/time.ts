/** What every signal has: a time as OpenTelemetry writes it, and whose scope it is. */

export function hrTime(ms: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

export const scope = { name: 'sonde' };
