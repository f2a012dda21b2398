import type { JSX } from 'react';
import { formatCount } from './format.ts';
import { sum } from './rows.ts';
import { sparkPath } from './series.ts';

export function Sparkline({ values }: { readonly values: readonly (number | null)[] }): JSX.Element {
  const top = Math.max(0, ...values.map((value) => value ?? 0));
  const says = `${formatCount(sum(values))} in all, at most ${formatCount(top)} at a time`;
  return (
    <svg className="sparkline" viewBox="0 0 120 18" preserveAspectRatio="none" role="img" aria-label={says}>
      <title>{says}</title>
      <path d="M0 17.75h120" className="ground" />
      <path d={sparkPath(values, { width: 120, height: 17 })} />
    </svg>
  );
}
