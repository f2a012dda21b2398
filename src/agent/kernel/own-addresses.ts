/** A network namespace's addresses, asked for by netlink. */

import type { Native } from './native.ts';

export const addressLimits = {
  /** Of one namespace's answer; an address takes about 80. */
  bytesMax: 256 << 10,
} as const;

export interface FoundAddresses {
  /** 16 bytes each, IPv4 mapped. */
  readonly found: readonly DataView[];
  /** There are more than there was room for. */
  readonly cut: boolean;
}

export interface AddressSource {
  readonly native: Pick<Native, 'netlink'>;
  /** Of the namespace with that inode, where it was last seen. */
  readonly path: (inode: number) => string | undefined;
  readonly messages: {
    readonly protocol: number;
    readonly request: Uint8Array;
    readonly parse: (bytes: ArrayBuffer) => readonly DataView[];
  };
}

/** By a namespace's inode; undefined where it is gone, or cannot be asked. */
export function askAddresses({
  native,
  path,
  messages,
}: AddressSource): (inode: number) => Promise<FoundAddresses | undefined> {
  return async (inode) => {
    const at = path(inode);
    if (at === undefined) return undefined;
    try {
      const answer = await native.netlink(at, messages.protocol, messages.request, addressLimits.bytesMax);
      if (answer.inode !== inode) return undefined; // another namespace has that path by now
      return { found: messages.parse(answer.bytes), cut: answer.cut };
    } catch {
      return undefined; // it went away between finding and entering it
    }
  };
}
