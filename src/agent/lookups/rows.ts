/**
 * Sums of lookups over one window. Owns the rows until they are taken; their number is bounded: beyond the
 * maximum a lookup is counted under its owner and outcome only.
 */

import { bucketOfUs, type Histogram } from '../../model/latency.ts';
import type { LookupKey, LookupRow } from '../../model/dns.ts';
import { anyName, nameBudget, type NameLosses } from './names.ts';

export const rowLimits = {
  /** Rows of one window with a name and a resolver of their own. */
  rowsMax: 20_000,
  /** Addresses of one row. */
  answersMax: 8,
} as const;

/** One that has ended. */
export interface EndedLookup extends LookupKey {
  readonly latencyUs: number | null;
  readonly attempts: number;
  readonly truncated: boolean;
  readonly answers: readonly string[];
  readonly ttlSeconds: number | undefined;
}

export interface RowLosses extends NameLosses {
  rowsFolded: number;
}

interface OpenRow {
  readonly key: LookupKey;
  lookups: number;
  attempts: number;
  truncated: number;
  latencySumUs: number;
  ttlMinSeconds: number | undefined;
  readonly latency: Map<number, number>;
  readonly answers: Set<string>;
}

export interface LookupRows {
  add(lookup: EndedLookup): void;
  /** The window's rows; the next one begins. */
  take(): LookupRow[];
}

function keyOf(lookup: EndedLookup, name: string): LookupKey {
  const { netns, owner, attribution, direction, transport, family, server, serverForm, serverPort } = lookup;
  const { type, rcode } = lookup;
  const asked = { netns, owner, attribution, direction, transport, family, server, serverForm, serverPort };
  return { ...asked, name, type, rcode };
}

function folded(key: LookupKey): LookupKey {
  const nowhere = { server: null, serverForm: 'folded', serverPort: 0 } as const;
  return { ...key, ...nowhere, name: anyName, type: anyName };
}

function newRow(key: LookupKey): OpenRow {
  const zero = { lookups: 0, attempts: 0, truncated: 0, latencySumUs: 0, ttlMinSeconds: undefined };
  return { key, ...zero, latency: new Map(), answers: new Set() };
}

function addTo(row: OpenRow, { latencyUs, attempts, truncated, answers, ttlSeconds }: EndedLookup): void {
  row.lookups++;
  row.attempts += attempts;
  row.truncated += Number(truncated);
  if (latencyUs !== null) {
    const bucket = bucketOfUs(latencyUs);
    row.latencySumUs += latencyUs;
    row.latency.set(bucket, (row.latency.get(bucket) ?? 0) + 1);
  }
  for (const address of answers) if (row.answers.size < rowLimits.answersMax) row.answers.add(address);
  if (ttlSeconds !== undefined) row.ttlMinSeconds = Math.min(row.ttlMinSeconds ?? Infinity, ttlSeconds);
}

function histogramOf(counts: ReadonlyMap<number, number>): Histogram {
  return [...counts].sort(([a], [b]) => a - b).map(([bucket, count]) => ({ bucket, count }));
}

export function lookupRows(namesMax: number, losses: RowLosses): LookupRows {
  let rows = new Map<string, OpenRow>();
  let nameOf = nameBudget(namesMax, losses);

  function rowFor(lookup: EndedLookup): OpenRow {
    let key = keyOf(lookup, nameOf(lookup.name));
    let id = JSON.stringify(Object.values(key));
    if (!rows.has(id) && rows.size >= rowLimits.rowsMax) {
      losses.rowsFolded++;
      key = folded(key);
      id = JSON.stringify(Object.values(key));
    }
    const row = rows.get(id) ?? newRow(key);
    rows.set(id, row);
    return row;
  }

  return {
    add(lookup) {
      addTo(rowFor(lookup), lookup);
    },
    take() {
      const taken = [...rows.values()];
      rows = new Map();
      nameOf = nameBudget(namesMax, losses);
      return taken.map(({ key, latency, answers, ...sums }) => ({
        ...key,
        ...sums,
        latency: histogramOf(latency),
        answers: [...answers],
      }));
    },
  };
}
