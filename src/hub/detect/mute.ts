/** Which findings nobody wants to hear of. */

import { globMatches } from '../../lib/glob.ts';
import type { Finding } from '../../question/finding.ts';
import type { Mute } from './config.ts';

function isAbout({ question, labels }: Mute, finding: Pick<Finding, 'question' | 'labels'>): boolean {
  if (!globMatches(question, finding.question)) return false;
  return Object.entries(labels).every(([name, pattern]) => globMatches(pattern, finding.labels[name] ?? ''));
}

/** The reason of the first that matches and still holds; empty where none does. */
export function muteReason(mutes: readonly Mute[], finding: Finding, nowMs: number): string {
  return mutes.find((mute) => nowMs < mute.until && isAbout(mute, finding))?.reason ?? '';
}

/** Whether all findings of a question are muted. */
export function isMuted(mutes: readonly Mute[], question: string, nowMs: number): boolean {
  return mutes.some(
    (mute) =>
      nowMs < mute.until && Object.keys(mute.labels).length === 0 && globMatches(mute.question, question),
  );
}
