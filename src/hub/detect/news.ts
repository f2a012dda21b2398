/** What a question calls new is what its history does not have: so how long nodes have been heard is told with it. */

import type { News } from '../../question/detector.ts';
import type { DetectorStatus } from '../../question/finding.ts';
import { readHeard, type DetectStore } from './store.ts';

/** Armed when the oldest node was heard for long enough; the others are counted. */
export async function newsStatus(
  store: DetectStore,
  { learns }: News,
  nowMs: number,
): Promise<DetectorStatus> {
  const heard = await readHeard(store, nowMs - learns);
  const none = { finds: 'new', findings: 0, limits: [] };
  if (heard === undefined) return { ...none, state: 'learning', armedAt: null, keys: {} };
  const { sinceMs, nodes, young } = heard;
  return {
    ...none,
    state: young === nodes ? 'learning' : 'armed',
    armedAt: new Date(sinceMs + learns).toISOString(),
    keys: { armed: nodes - young, learning: young },
  };
}
