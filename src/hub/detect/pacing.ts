/**
 * How somebody waits between attempts, from the gaps between those of one process: always the same, each time
 * longer, or neither. Single attempts are told as far as the agent's budget for them goes; where many of them
 * were not, gaps are no gaps, and nothing can be said.
 */

export interface Gaps {
  /** Attempts that failed, and those of them that were told singly. */
  readonly failed: number;
  readonly told: number;
  /** Of the process with the most: gaps, their deviation in means, and the median of each to the one before. */
  readonly gaps: number;
  readonly variation: number;
  readonly ratio: number;
}

export const pacings = ['fixed', 'exponential', 'jittered', 'insufficient'] as const;
export type Pacing = (typeof pacings)[number];

const gapsMin = 4;
/** Of ten failed attempts nine must be told. */
const toldMin = 0.9;

export function pacingOf({ failed, told, gaps, variation, ratio }: Gaps): Pacing {
  if (gaps < gapsMin || told < toldMin * failed) return 'insufficient';
  if (variation < 0.3 && Math.abs(ratio - 1) < 0.2) return 'fixed';
  return ratio >= 1.5 && ratio <= 3 ? 'exponential' : 'jittered';
}
