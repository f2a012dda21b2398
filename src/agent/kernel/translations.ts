/**
 * What the kernel translates in a network namespace (conntrack), asked for by netlink. Nothing is asked where
 * nothing is tracked: a question would load the module that answers it.
 */

import { existsSync } from 'node:fs';
import type { Translation } from '../../model/far.ts';
import type { Native } from './native.ts';

const countFile = '/proc/sys/net/netfilter/nf_conntrack_count';

export const translationLimits = {
  /** Of one namespace's answer; an entry takes about 250. */
  bytesMax: 1 << 20,
} as const;

export interface Translations {
  readonly found: readonly Translation[];
  /** There are more than there was room for. */
  readonly cut: boolean;
}

export interface TranslationSource {
  readonly native: Pick<Native, 'netns' | 'netlink'>;
  /** Of the namespace with that inode, where it was last seen. */
  readonly path: (inode: number) => string | undefined;
  readonly conntrack: {
    readonly protocol: number;
    readonly request: Uint8Array;
    readonly parse: (bytes: ArrayBuffer) => readonly Translation[];
  };
}

const none: Translations = { found: [], cut: false };

/** By a namespace's inode. None where there are none, and of a namespace that is gone; else it throws. */
export function askTranslations({
  native,
  path,
  conntrack,
}: TranslationSource): (inode: number) => Promise<Translations> {
  return async (inode) => {
    const at = existsSync(countFile) ? path(inode) : undefined;
    if (at === undefined) return none;
    const { texts } = await native.netns(at, countFile);
    if (Number(texts[0]) === 0) return none;
    const answer = await native.netlink(
      at,
      conntrack.protocol,
      conntrack.request,
      translationLimits.bytesMax,
    );
    if (answer.inode !== inode) return none; // another namespace has that path by now
    return { found: conntrack.parse(answer.bytes), cut: answer.cut };
  };
}
