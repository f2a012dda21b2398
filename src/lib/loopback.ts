/** Addresses that only this machine reaches. */

import { isIPv4 } from 'node:net';

/** All of 127.0.0.0/8, and ::1. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
