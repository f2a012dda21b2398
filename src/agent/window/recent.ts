/**
 * What fell short of the labelling standard in the last windows, for whoever asks over the local socket.
 *
 * Owns the findings of at most `windowsMax` windows, each with at most `findingsMax` of them.
 */

import type { RecentLabels } from '../../model/local.ts';
import type { WindowRecord } from '../../model/record.ts';
import { joined, type Findings } from '../../model/standard.ts';

/** Five minutes of windows of 10 s. */
const windowsMax = 30;

export interface Recent {
  add(closing: WindowRecord, findings: Findings): void;
  told(): RecentLabels;
}

export function newRecent(): Recent {
  const kept: { readonly closing: WindowRecord; readonly findings: Findings }[] = [];
  return {
    add(closing, findings) {
      kept.push({ closing, findings });
      if (kept.length > windowsMax) kept.shift();
    },
    told: () => ({
      windows: kept.length,
      from: kept.at(0)?.closing['window.start'] ?? null,
      to: kept.at(-1)?.closing['window.end'] ?? null,
      ...joined(kept.map(({ findings }) => findings)),
    }),
  };
}
