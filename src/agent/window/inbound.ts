/** What the kernel counted of attempts from outside, window by window. */

import { inboundCounters, type InboundCounter, type NamespaceObservation } from '../../model/observation.ts';
import type { NamespaceCoverage } from '../../model/coverage.ts';

/** Since counting began; names without any are left out. JSON. */
export type InboundTotals = Readonly<Partial<Record<InboundCounter, number>>>;

/**
 * What was added since the last window. `told` holds the totals by namespace cookie and is brought up to
 * date. A namespace that cannot be entered now tells when it can be again what was counted meanwhile.
 */
export function inboundSince(
  told: Record<string, InboundTotals>,
  { counts, baseline, now }: NamespaceObservation,
): Pick<NamespaceCoverage, 'inbound'> {
  if (!baseline || !now) return {};
  const cookie = String(counts.cookie);
  const before = told[cookie] ?? {};
  const totals: Partial<Record<InboundCounter, number>> = {};
  const inbound: Partial<Record<InboundCounter, number>> = {};
  for (const name of inboundCounters) {
    const total = now.inbound[name] - baseline.inbound[name];
    const added = total - (before[name] ?? 0);
    if (total !== 0) totals[name] = total;
    if (added !== 0) inbound[name] = added;
  }
  if (Object.keys(totals).length > 0) told[cookie] = totals;
  return Object.keys(inbound).length > 0 ? { inbound } : {};
}
