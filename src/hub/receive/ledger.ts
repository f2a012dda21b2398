/**
 * Which records were taken: per source (one agent instance in one boot of its machine) the ranges of their
 * sequences. Only what is safe in the journal is in here.
 *
 * The memory ends at a named horizon. A source with more than `rangesMax` ranges forgets its lowest one; what
 * is at or below that is refused from then on, by name, for it may have been stored or not. Of more than
 * `sourcesMax` sources the one that was not heard for longest is forgotten, and counted: should it send
 * something a second time after that, it would be stored a second time.
 */

import type { Identity } from '../../model/row/rows.ts';
import { addRange, eachRange, hasNumber, type Ranges } from './ranges.ts';

export interface LedgerLimits {
  readonly rangesMax: number;
  readonly sourcesMax: number;
}

export const ledgerLimits: LedgerLimits = { rangesMax: 1024, sourcesMax: 10_000 };

/** Ranges by source: what one block holds. */
export type Taken = ReadonlyMap<string, Ranges>;

interface Source {
  /** Below and at it nothing is known any more. */
  horizon: number;
  readonly ranges: Ranges;
}

/** What a checkpoint keeps: [source, horizon, ranges]. */
export type LedgerSnapshot = readonly (readonly [
  source: string,
  horizon: number,
  ranges: readonly number[],
])[];

export interface Ledger {
  look(source: string, sequence: number): 'new' | 'taken' | 'beyond';
  add(taken: Taken): void;
  snapshot(): LedgerSnapshot;
  sources(): number;
  /** Sources that were forgotten since the start. */
  forgotten(): number;
}

export function sourceOf({ bootId, instance }: Identity): string {
  return `${bootId} ${instance}`;
}

const nothingForgotten = -1;

export function createLedger({ rangesMax, sourcesMax }: LedgerLimits, from: LedgerSnapshot = []): Ledger {
  // In the order in which they were last heard.
  const sources = new Map<string, Source>(
    from.map(([source, horizon, ranges]) => [source, { horizon, ranges: [...ranges] }]),
  );
  let forgotten = 0;

  function addTo(name: string, ranges: Ranges): void {
    const source = sources.get(name) ?? { horizon: nothingForgotten, ranges: [] };
    for (const range of eachRange(ranges)) addRange(source.ranges, range);
    while (source.ranges.length / 2 > rangesMax) {
      source.horizon = source.ranges[1] ?? source.horizon;
      source.ranges.splice(0, 2);
    }
    sources.delete(name);
    sources.set(name, source);
  }

  return {
    look(name, sequence) {
      const source = sources.get(name);
      if (!source) return 'new';
      if (sequence <= source.horizon) return 'beyond';
      return hasNumber(source.ranges, sequence) ? 'taken' : 'new';
    },
    add(taken) {
      for (const [name, ranges] of taken) addTo(name, ranges);
      for (const name of sources.keys()) {
        if (sources.size <= sourcesMax) break;
        sources.delete(name);
        forgotten++;
      }
    },
    snapshot: () => [...sources].map(([name, { horizon, ranges }]) => [name, horizon, [...ranges]] as const),
    sources: () => sources.size,
    forgotten: () => forgotten,
  };
}
