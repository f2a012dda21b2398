/**
 * Switching signals between two ticks, and knowing which were on for the whole of a window. What is asked for
 * waits for the tick, so that nothing is switched in the midst of a window's closing.
 */

import type { SignalName } from '../model/signals.ts';

interface SwitchedKernel {
  readonly signals: readonly SignalName[];
  switchTo(wanted: readonly SignalName[]): Refusals;
}

/** What the kernel has against a signal that it was to switch on. */
export type Refusals = ReadonlyMap<SignalName, string>;

/** Which signals are on, and which were so since the window began. */
export interface Switching {
  /** Counting has begun, or goes on. */
  begin(): void;
  /** Of the window that ends now. */
  endWindow(): readonly SignalName[];
  ask(wanted: readonly SignalName[]): Promise<Refusals>;
  /** Does what was asked for. */
  apply(): void;
}

export function switchingOf(kernel: SwitchedKernel): Switching {
  let steady: readonly SignalName[] = [];
  const asked: { wanted: readonly SignalName[]; done: PromiseWithResolvers<Refusals> }[] = [];
  return {
    begin: () => void (steady = kernel.signals),
    endWindow() {
      const before = steady;
      steady = kernel.signals;
      return before;
    },
    ask(wanted) {
      const done = Promise.withResolvers<Refusals>();
      asked.push({ wanted, done });
      return done.promise;
    },
    apply() {
      for (const { wanted, done } of asked.splice(0)) {
        done.resolve(kernel.switchTo(wanted));
        steady = steady.filter((name) => kernel.signals.includes(name));
      }
    },
  };
}
