/** What a closing record says of one network namespace. */

import type { InboundCounter } from './observation.ts';

/** What the kernel counted in one network namespace since the agent started, and what Sonde saw of it. */
export interface NamespaceCoverage {
  /** Inode; another namespace may get it once this one is gone. */
  readonly 'network.namespace': number;
  /** Unique for as long as the kernel runs. */
  readonly 'network.namespace.cookie': string;
  /** Why it cannot be compared; absent when it was. */
  readonly unreachable?: string;
  readonly seen: Readonly<Record<string, number>>;
  readonly kernel?: Readonly<Record<string, number>>;
  /** kernel − seen where they differ; empty when all agree. */
  readonly difference?: Readonly<Record<string, number>>;
  /** Of each that differs: why, or `unexplained`; absent when all agree. */
  readonly explained?: Readonly<Record<string, string>>;
  /** Counters that this kernel lets nobody compare, and why. */
  readonly incomparable?: Readonly<Record<string, string>>;
  /** What the kernel counted of attempts from outside in this window; names without any are left out. */
  readonly inbound?: Readonly<Partial<Record<InboundCounter, number>>>;
}
