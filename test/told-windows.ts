/** Whole windows as exporters are given them: closed by the agent's own closer, numbered as by the spool. */

import type { LookupRow } from '../src/model/dns.ts';
import type { FlowRow } from '../src/model/observation.ts';
import type { NumberedRecord } from '../src/model/record.ts';
import type { SignalName } from '../src/model/signals.ts';
import type { Labelled } from '../src/agent/window/records.ts';
import { windowCloser } from '../src/agent/window/closing.ts';
import { closingOptions, node } from './observations.ts';

export interface Windows {
  /** The next window, its closing record last. */
  close(
    rows: readonly Labelled<FlowRow>[],
    more?: {
      readonly lookups?: readonly Labelled<LookupRow>[];
      readonly losses?: Readonly<Record<string, number>>;
      readonly last?: boolean;
      readonly signals?: readonly SignalName[];
    },
  ): NumberedRecord[];
}

/** Losses are since the beginning, as the agent's. */
export function toldWindows(startMs = 100_000, lengthMs = 10_000): Windows {
  const closer = windowCloser(node, closingOptions);
  let [number, sequence] = [0, 0];
  return {
    close(rows, { lookups = [], losses = {}, last = false, signals = [] } = {}) {
      const at = (n: number) => new Date(startMs + n * lengthMs).toISOString();
      number += 1;
      const bounds = { number, start: at(number - 1), end: at(number), last };
      const parts = { bounds, rows, lookups, losses, namespaces: [], signals };
      const { records, closing } = closer(parts);
      return [...records, closing].map((record) => ({ ...record, 'record.sequence': ++sequence }));
    },
  };
}
