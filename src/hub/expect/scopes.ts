/** Scopes that an address tells by itself, as ranges of addresses: destination.scope without what a node knows. */

import { networkRange, type AddressRange } from '../../question/network.ts';

export const scopeNames = ['private', 'public', 'link_local', 'metadata'] as const;
export type ScopeName = (typeof scopeNames)[number];

/** First and last; one where both are the same. */
const ranges: Readonly<Record<ScopeName, readonly (readonly [first: string, last?: string])[]>> = {
  private: [
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['fc00::', 'fd00:ec2::253'],
    ['fd00:ec2::255', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ],
  link_local: [
    ['169.254.0.0', '169.254.169.253'],
    ['169.254.169.255', '169.254.255.255'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ],
  metadata: [['169.254.169.254'], ['fd00:ec2::254']],
  public: [
    ['1.0.0.0', '9.255.255.255'],
    ['11.0.0.0', '100.63.255.255'],
    ['100.128.0.0', '126.255.255.255'],
    ['128.0.0.0', '169.253.255.255'],
    ['169.255.0.0', '172.15.255.255'],
    ['172.32.0.0', '192.167.255.255'],
    ['192.169.0.0', '223.255.255.255'],
    ['1::', 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fe00::', 'fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ],
};

/** As the store compares them: IPv6, IPv4 as mapped. */
export function scopeRanges(scope: ScopeName): AddressRange[] {
  return ranges[scope].map(([from, to = from]) => {
    const [first, last] = [networkRange(from), networkRange(to)];
    if (!first || !last) throw new Error(`${from} to ${to} is no range`);
    return { first: first.first, last: last.last };
  });
}
