/** How often an answer is asked for again. */
import { parseDurationMs } from '../../src/lib/units.ts';
import type { Range } from '../view/view.ts';

const everyMs = { min: 10_000, max: 60_000 } as const;

/** Every 10 s for an hour; a longer range costs the hub more and changes less. */
export function refreshMs(range: Range): number {
  const hours = 'since' in range ? (parseDurationMs(range.since) ?? 0) / 3_600_000 : 1;
  return Math.min(Math.max(hours * everyMs.min, everyMs.min), everyMs.max);
}
