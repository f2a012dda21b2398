/** What `<input type="datetime-local">` reads and writes: local time without a zone. */

/** `2026-11-25T14:02:11`; empty when there is no such time. */
export function localInput(timeMs: number): string {
  if (Number.isNaN(timeMs)) return '';
  const time = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date}T${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function readLocalInput(text: string): number | undefined {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
