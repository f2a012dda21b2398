/** An answer as lines: CSV for spreadsheets, NDJSON for programs. */

import type { Answer, Cell, Column } from './contract.ts';

export const mediaTypes = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
} as const;

/** A spreadsheet would compute what begins so; a quotation mark before it makes it text there. */
const formula = /^[=+\-@\t\r]/;

function csvCell(value: Cell, { type }: Column): string {
  if (value === null) return '';
  if (typeof value === 'object') return value.map((each) => each ?? '').join(' ');
  const text = String(value);
  const isFromOutside = type === 'text' || type === 'ip' || type === 'state';
  const safe = isFromOutside && formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * RFC 4180: a header of canonical names, CRLF. A series is its numbers with spaces between. Text that a
 * spreadsheet would take for a formula gets a `'`; whoever needs it as it was takes JSON.
 */
export function encodeCsv({ columns, rows }: Answer): string {
  const lines = rows.map((row) =>
    columns.map((column) => csvCell(row[column.name] ?? null, column)).join(','),
  );
  return [columns.map(({ name }) => name).join(','), ...lines, ''].join('\r\n');
}

/** A line for each row, and last one line `{"answer": …}` with all the rest: range, coverage, truncated. */
export function encodeNdjson(answer: Answer, line: (value: unknown) => string = JSON.stringify): string {
  const { rows, ...rest } = answer;
  return [...rows, { answer: rest }].map((each) => `${line(each)}\n`).join('');
}
