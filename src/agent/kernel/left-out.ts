/** Runs of programs that the kernel left out: state changes that nobody saw, unless another program stood in. */

import type { ProgramStatistics } from './native.ts';
import { allPrograms, standsIn } from './signals.ts';

export interface LeftOut {
  /** Before a program is detached: one that is attached again counts from zero. */
  look(): void;
  /** Since counting began. Never less than it was. */
  count(): number;
}

export function openLeftOut(source: { programs(): ProgramStatistics[]; stoodIn(): number }): LeftOut {
  /** By program: what its running instance has left out so far. */
  const leftOutBy = new Map<string, number>();
  let leftOut = 0;
  let unseen = 0;

  function look(): void {
    for (const { name, skipped = 0n } of source.programs()) {
      const [now, before] = [Number(skipped), leftOutBy.get(name) ?? 0];
      if (!allPrograms.includes(name) || standsIn(name)) continue;
      leftOut += now < before ? now : now - before;
      leftOutBy.set(name, now);
    }
  }

  return {
    look,
    count() {
      look();
      unseen = Math.max(unseen, leftOut - source.stoodIn());
      return unseen;
    },
  };
}
