/** Facets for people: of each field its most frequent values, with how many rows have them. */

import { fit, printable } from '../lib/terminal.ts';
import type { Facet } from '../question/search/contract.ts';
import type { Painter } from './trace-lines.ts';

const valueColumnsMax = 60;

function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}

/** Of one field, without line ends. */
export function facetLines({ field, different, rows, values }: Facet, paint: Painter): string[] {
  const counts = values.map((each) => grouped(each.rows));
  const width = Math.max(0, ...counts.map((count) => count.length));
  const shown = values.map(({ value }, i) => {
    const text = value === '' ? '–' : printable(value);
    const cut = fit(text, Math.min(valueColumnsMax, Array.from(text).length));
    return `  ${fit(counts[i] ?? '', width, 'right')}  ${cut}`;
  });
  const more =
    different > values.length ? [paint('dim', `  and ${grouped(different - values.length)} more`)] : [];
  const of = rows === 0 ? 'no row has it' : `${grouped(different)} different in ${grouped(rows)}`;
  return [`${paint('bold', printable(field))}  ${paint('dim', of)}`, ...shown, ...more];
}
