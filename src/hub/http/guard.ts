/**
 * What every request must be, and what every answer carries. There is no authentication yet: a page from
 * elsewhere must neither read answers nor send records through somebody's browser.
 */

import { isLoopbackAddress } from '../../lib/loopback.ts';

/**
 * The name in a Host header, without its port. A name that leads to 127.0.0.1 only since a moment ago (DNS
 * rebinding) is still not a loopback name.
 */
export function isLoopbackHost(header: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(header ?? '')?.[1]?.toLowerCase() ?? '';
  return name === 'localhost' || name === '[::1]' || isLoopbackAddress(name);
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
