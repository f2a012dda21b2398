/**
 * The series: a value for each metric and set of labels, since the agent's start.
 *
 * Owns them, and the bound on how many there are: beyond `max` what is new goes to one series for each
 * metric, the overflow, which has no labels of its own, so that sums stay right. Sets of labels that nothing
 * was counted of for long go.
 */

import type { Clock } from '../../../lib/clock.ts';
import type { Labels } from './labels.ts';
import { boundsSeconds, type Metric } from './metrics.ts';

/** Places in a group's values. */
const widths: Readonly<Record<Metric['shape'], number>> = {
  counter: 1,
  /** Of the last window, and of the one that is being told. */
  gauge: 2,
  /** Sum and count. */
  summary: 2,
  /** Each bucket by itself, +Inf too; the sum. */
  histogram: boundsSeconds.length + 2,
};

/** Lines of Prometheus' text: what is a series to it, and what is paid for anywhere. */
const lineCounts: Readonly<Record<Metric['shape'], number>> = {
  counter: 1,
  gauge: 1,
  summary: 2,
  histogram: boundsSeconds.length + 3,
};

/** All metrics of one kind of records, for one set of labels. */
export interface Group {
  /** None of the overflow. */
  readonly labels: Labels;
  readonly isOverflow: boolean;
  /** Nothing that its values add up is from before, nor in an earlier group of these labels; unix ms. */
  readonly sinceMs: number;
  readonly values: Float64Array;
  /** Of each metric, whether it has series. */
  readonly shown: Uint8Array;
  seenNs: bigint;
}

/** What a record adds to a metric: place in its values, and how much. */
export type Addition = readonly [place: number, by: number];

export interface Table {
  readonly metrics: readonly Metric[];
  /** Counts one record. */
  add(labels: Labels, additions: readonly (readonly Addition[])[], nowNs: bigint): void;
  /** What gauges of a window that was not told to its end have. */
  forgetWindow(): void;
  /** Gauges are those of the window that ended; a group of which it did not tell has 0. */
  closeWindow(): void;
  /** Forgets what was not seen since. */
  forgetBefore(ns: bigint): void;
  readonly groups: () => Iterable<Group>;
  /** Where the values of a metric begin in those of a group. */
  readonly starts: readonly number[];
}

export interface Series {
  table(metrics: readonly Metric[]): Table;
  count(): number;
  /** Records of which something went to overflow series. */
  folded(): number;
  readonly max: number;
}

interface Room {
  /** Whether there was so much. */
  take(lines: number): boolean;
  give(lines: number): void;
  fold(): void;
}

type Beginning = Pick<Group, 'labels' | 'isOverflow' | 'sinceMs'>;

function newGroup(metrics: readonly Metric[], width: number, beginning: Beginning): Group {
  return {
    ...beginning,
    values: new Float64Array(width),
    shown: Uint8Array.from(metrics, ({ always }) => Number(always && !beginning.isOverflow)),
    seenNs: 0n,
  };
}

/** Equal labels are equal text: values have no control characters. */
function keyOf(labels: Labels): string {
  return labels.map(([name, value]) => `${name}\0${value}`).join('\n');
}

function linesOf(metrics: readonly Metric[], isCounted: (i: number) => boolean): number {
  return metrics.reduce((sum, { shape }, i) => sum + (isCounted(i) ? lineCounts[shape] : 0), 0);
}

function isGauge({ shape }: Metric): boolean {
  return shape === 'gauge';
}

function newTable(metrics: readonly Metric[], room: Room, clock: Clock): Table {
  const starts: number[] = [];
  let width = 0;
  for (const { shape } of metrics) {
    starts.push(width);
    width += widths[shape];
  }
  const groups = new Map<string, Group>();
  /** When the last group went. A new one may have been there before, and its values begin anew. */
  let sinceMs = clock.wallMs();
  const overflow = newGroup(metrics, width, { labels: [], isOverflow: true, sinceMs });
  const atFirst = linesOf(metrics, (i) => metrics[i]?.always ?? false);
  const gauges = metrics.flatMap((metric, i) => (isGauge(metric) ? [starts[i] ?? 0] : []));

  function all(): Group[] {
    return [...groups.values(), ...(overflow.shown.includes(1) ? [overflow] : [])];
  }

  function groupOf(labels: Labels): Group {
    const key = keyOf(labels);
    const known = groups.get(key);
    if (known) return known;
    if (!room.take(atFirst)) return overflow;
    const group = newGroup(metrics, width, { labels, isOverflow: false, sinceMs });
    groups.set(key, group);
    return group;
  }

  /** The group itself, if it has room for this metric. */
  function holderOf(group: Group, i: number): Group {
    if (group !== overflow && group.shown[i] === 0) {
      const { shape } = metrics[i] ?? { shape: 'counter' };
      if (!room.take(lineCounts[shape])) return overflow;
    }
    return group;
  }

  return {
    metrics,
    starts,
    add(labels, additions, nowNs) {
      const group = groupOf(labels);
      group.seenNs = nowNs;
      let isFolded = group === overflow;
      additions.forEach((of, i) => {
        if (of.length === 0) return;
        const holder = holderOf(group, i);
        holder.shown[i] = 1;
        isFolded ||= holder === overflow;
        const start = starts[i] ?? 0;
        for (const [place, by] of of) holder.values[start + place] = (holder.values[start + place] ?? 0) + by;
      });
      if (isFolded) room.fold();
    },
    forgetWindow() {
      for (const { values } of all()) for (const at of gauges) values[at + 1] = 0;
    },
    closeWindow() {
      for (const { values } of all()) {
        for (const at of gauges) {
          values[at] = values[at + 1] ?? 0;
          values[at + 1] = 0;
        }
      }
    },
    forgetBefore(ns) {
      for (const [key, { seenNs, shown }] of groups) {
        if (seenNs >= ns) continue;
        room.give(linesOf(metrics, (i) => shown[i] === 1));
        groups.delete(key);
        sinceMs = clock.wallMs();
      }
    },
    groups: all,
  };
}

/** `max` lines at most, with the overflow series of all tables, which have their room from the beginning. */
export function newSeries(max: number, clock: Clock): Series {
  let [used, reserved, folded] = [0, 0, 0];
  const tables: Table[] = [];
  const room: Room = {
    take(lines) {
      if (used + lines > max - reserved) return false;
      used += lines;
      return true;
    },
    give(lines) {
      used -= lines;
    },
    fold() {
      folded += 1;
    },
  };
  return {
    max,
    table(metrics) {
      reserved += linesOf(metrics, () => true);
      const table = newTable(metrics, room, clock);
      tables.push(table);
      return table;
    },
    count: () =>
      tables.reduce(
        (sum, { metrics, ...table }) =>
          sum + [...table.groups()].reduce((n, { shown }) => n + linesOf(metrics, (i) => shown[i] === 1), 0),
        0,
      ),
    folded: () => folded,
  };
}
