/** How many of a window's connections Sonde saw: its own count of opens beside the kernel's. */

import type { NamespaceCoverage } from '../../model/coverage.ts';

/** Connections opened since a namespace's counts began. */
export interface Opens {
  readonly seen: number;
  readonly kernel: number;
}

export interface WindowCoverage extends Opens {
  /** Namespaces that could not be compared. */
  readonly unreachable: number;
}

function opens(counters: Readonly<Record<string, number>> | undefined): number {
  return (counters?.['activeOpens'] ?? 0) + (counters?.['passiveOpens'] ?? 0);
}

/**
 * What was added since the last window. `before` holds the last counts by namespace cookie and is brought up
 * to date. A namespace that cannot be compared now adds nothing and keeps its place: when it can be again,
 * what it counted meanwhile is added then. So sums over windows telescope.
 */
export function coverageSince(
  before: Record<string, Opens>,
  namespaces: readonly NamespaceCoverage[],
): WindowCoverage {
  let [seen, kernel, unreachable] = [0, 0, 0];
  for (const namespace of namespaces) {
    if (namespace.unreachable !== undefined) {
      unreachable++;
      continue;
    }
    const cookie = namespace['network.namespace.cookie'];
    const now = { seen: opens(namespace.seen), kernel: opens(namespace.kernel) };
    const last = before[cookie] ?? { seen: 0, kernel: 0 };
    seen += now.seen - last.seen;
    kernel += now.kernel - last.kernel;
    before[cookie] = now;
  }
  return { seen, kernel, unreachable };
}
