/** Time zones by their IANA names, daylight saving included. */

const formats = new Map<string, Intl.DateTimeFormat>();
/** Clocks change at whole quarters of an hour: within one an answer holds. */
const quarterMs = 900_000;
const offsets = new Map<string, { readonly quarter: number; readonly offsetMs: number }>();

/** As the database of time zones spells it; undefined when it has none of that name. */
export function zoneName(text: string): string | undefined {
  // Intl takes offsets too; the store does not.
  if (!/^[a-z]/i.test(text)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** How far the zone's clocks are ahead of UTC then. Throws RangeError for what is no zone. */
export function zoneOffsetMs(zone: string, atMs: number): number {
  const quarter = Math.floor(atMs / quarterMs);
  const known = offsets.get(zone);
  if (known?.quarter === quarter) return known.offsetMs;
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  formats.set(zone, format);
  const name = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign = '+', hours = '0', minutes = '0'] = /^GMT([+-])(\d+):(\d+)/.exec(name) ?? [];
  const offsetMs = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  offsets.set(zone, { quarter, offsetMs });
  return offsetMs;
}
