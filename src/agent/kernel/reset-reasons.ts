/** Why the kernel reset: its own words for the numbers that the programs count by. */

import type { Native } from './native.ts';
import { tracesAllResets } from './signals.ts';

const enumName = 'sk_rst_reason';
const prefix = 'SK_RST_REASON_';

export type ResetCounts = Readonly<Record<string, number>>;

/** Resets since counting began, by reason; undefined where this kernel gives none. */
export type ReadResets = (counts: readonly number[]) => ResetCounts | undefined;

/** Both came with 6.10. A kernel may have numbers that this one's types do not name. */
export function resetReader(native: Pick<Native, 'kernelArguments' | 'kernelEnum'>): ReadResets {
  const values = tracesAllResets(native) ? native.kernelEnum(enumName) : undefined;
  if (!values) return () => undefined;
  const words = new Map(
    Object.entries(values).map(([name, value]) => [value, name.replace(prefix, '').toLowerCase()]),
  );
  return (counts) => {
    const named = counts.map((count, reason) => [words.get(reason) ?? String(reason), count] as const);
    return Object.fromEntries(named.filter(([, count]) => count > 0));
  };
}
