/** Which network namespaces an instance looks at: from the words of the configuration to cookies. */

import { OperatorError } from '../../lib/errors.ts';
import type { Native } from './native.ts';

/** `host`, `pid:N`, a name of `ip netns`, or a path. */
export function scopePath(word: string): string {
  if (word === 'host') return '/proc/1/ns/net';
  if (/^pid:\d+$/.test(word)) return `/proc/${word.slice(4)}/ns/net`;
  return word.startsWith('/') ? word : `/run/netns/${word}`;
}

export async function scopeCookies(native: Native, words: readonly string[]): Promise<bigint[]> {
  return Promise.all(
    words.map(async (word) => {
      try {
        return (await native.netns(scopePath(word))).cookie;
      } catch (error) {
        throw new OperatorError(
          'config.namespace',
          { namespace: word, reason: (error as Error).message },
          { cause: error },
        );
      }
    }),
  );
}
