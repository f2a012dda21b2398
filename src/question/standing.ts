/** How a detector stands, in words: the same on the command line and the page. */

import type { DetectorState, DetectorStatus, Limit } from './finding.ts';

const words: Readonly<Record<DetectorState, string>> = {
  learning: 'learning',
  armed: 'armed',
  insufficient: 'insufficient',
  muted: 'muted in hub.yaml',
};

function limitText({ labels, why }: Limit): string {
  const who = Object.values(labels).filter((value) => value !== '');
  return `${who.join(' ')} ${why}`;
}

/** `timeText` writes RFC 3339 for people. */
export function standingText(status: DetectorStatus, timeText: (at: string) => string): string {
  const { finds, state, armedAt, findings, keys, limits } = status;
  const isNew = finds === 'new';
  const when = armedAt === null ? 'once nodes are heard' : `at ${timeText(armedAt)}`;
  const stands = state === 'learning' ? `learning, armed ${when}` : words[state];
  const all = Object.values(keys).reduce((sum, n) => sum + n, 0);
  const others = (['learning', 'insufficient'] as const).filter((of) => (keys[of] ?? 0) > 0);
  const counts = others.map((of) => `${String(keys[of])} ${of}`).join(', ');
  const parts = [
    isNew ? `what is new: ${stands}` : `detector of ${finds}: ${stands}`,
    ...(counts === '' || state === 'learning'
      ? []
      : [`of ${String(all)} ${isNew ? 'nodes' : 'keys'} ${counts}`]),
    ...limits.map(limitText),
    ...(findings === 0 ? [] : [`${String(findings)} open ${findings === 1 ? 'finding' : 'findings'}`]),
  ];
  return parts.join('; ');
}
