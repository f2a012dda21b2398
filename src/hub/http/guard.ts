/**
 * What every request must be, and what every answer carries. There is no authentication yet: a page from
 * elsewhere must neither read answers nor send records through somebody's browser.
 */

import { isIPv4 } from 'node:net';

/**
 * The name in a Host header, without its port. A name that leads to 127.0.0.1 only since a moment ago (DNS
 * rebinding) is still not a loopback name.
 */
export function isLoopbackHost(header: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(header ?? '')?.[1]?.toLowerCase() ?? '';
  return name === 'localhost' || name === '[::1]' || isLoopbackAddress(name);
}

/** All of 127.0.0.0/8, and ::1. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** Everything the page loads comes from the hub itself; nothing may frame it. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "object-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** On every answer. No access-control-allow-origin: other origins may read nothing. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
