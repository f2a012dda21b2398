/** How often an answer is asked for again. */
import { parseDurationMs } from '../../src/lib/units.ts';
import { browserClock } from '../clock.ts';
import type { Range } from '../view/view.ts';

const everyMs = { min: 10_000, max: 60_000 } as const;

/** Every 10 s for an hour; a longer range costs the hub more and changes less. */
export function refreshMs(range: Range): number {
  const hours = 'since' in range ? (parseDurationMs(range.since) ?? 0) / 3_600_000 : 1;
  return Math.min(Math.max(hours * everyMs.min, everyMs.min), everyMs.max);
}

/** What the controls begin with: the range of the answer, or the last hour. */
export function shownRange(answer: { readonly from: string; readonly to: string } | undefined): {
  readonly fromMs: number;
  readonly toMs: number;
} {
  const hourMs = 3_600_000;
  if (answer !== undefined) return { fromMs: Date.parse(answer.from), toMs: Date.parse(answer.to) };
  const toMs = Math.floor(browserClock.wallMs() / 1000) * 1000;
  return { fromMs: toMs - hourMs, toMs };
}
