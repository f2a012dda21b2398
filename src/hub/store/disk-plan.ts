/** Which partitions go when the disk has no room for them: the finest level first, of it the oldest. */
import { diskLevels, levelOfTable } from './dropped.ts';
import type { DiskLevel } from './dropped.ts';

/** What one node has of one partition of a table. */
export interface StoredPartition {
  readonly node: number;
  readonly table: string;
  /** YYYYMMDD or YYYYMM. */
  readonly partition: string;
  readonly bytes: number;
}

/** A day or a month of a level, over all its tables: flows without their windows would look like a loss. */
export interface DiskUnit {
  readonly level: DiskLevel;
  readonly partition: string;
  readonly tables: readonly string[];
  readonly untilMs: number;
  /** By node. */
  readonly bytes: readonly number[];
}

export interface DiskPlan {
  readonly drops: readonly DiskUnit[];
  /** Every node then has room. */
  readonly isEnough: boolean;
}

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Undefined for a table without partitions. */
function spanOf(partition: string): Span | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})?$/.exec(partition);
  if (match === null) return undefined;
  const [year, month] = [Number(match[1]), Number(match[2]) - 1];
  if (match[3] === undefined) return { fromMs: Date.UTC(year, month), untilMs: Date.UTC(year, month + 1) };
  const day = Number(match[3]);
  return { fromMs: Date.UTC(year, month, day), untilMs: Date.UTC(year, month, day + 1) };
}

type Unit = DiskUnit & { readonly fromMs: number };

function unitsOf(partitions: readonly StoredPartition[], nodes: number): readonly Unit[] {
  const groups = Map.groupBy(partitions, ({ table, partition }) => `${levelOfTable(table)} ${partition}`);
  const units = [...groups.values()].flatMap((group): Unit[] => {
    const [first] = group;
    const [level, span] = [levelOfTable(first?.table ?? ''), spanOf(first?.partition ?? '')];
    if (first === undefined || level === undefined || span === undefined) return [];
    const bytes = Array.from({ length: nodes }, (_, node) =>
      group.reduce((sum, each) => sum + (each.node === node ? each.bytes : 0), 0),
    );
    const tables = [...new Set(group.map(({ table }) => table))].sort();
    return [{ level, partition: first.partition, tables, bytes, ...span }];
  });
  return units.sort((a, b) => a.untilMs - b.untilMs);
}

/**
 * All that may go, in order. Of each level two partitions stay as long as anything else can go (just after
 * midnight the newest one is almost empty), and the newest one always; what agents date ahead, too. A level
 * is never kept for longer than one that is made of it: the coarser one would be compared with nothing.
 */
function orderOf(units: readonly Unit[], nowMs: number): readonly Unit[] {
  const order: Unit[] = [];
  for (const stay of [2, 1]) {
    for (const [index, level] of diskLevels.entries()) {
      const begun = units.filter((unit) => unit.level === level && unit.fromMs <= nowMs);
      for (const unit of begun.slice(0, Math.max(0, begun.length - stay))) {
        const isFinerThere = units.some(
          (other) =>
            diskLevels.indexOf(other.level) < index && other.fromMs < unit.untilMs && !order.includes(other),
        );
        if (!order.includes(unit) && !isFinerThere) order.push(unit);
      }
    }
  }
  return order;
}

/** `lacking`: bytes that each node has to get rid of; negative where it has room. */
export function planDrops(
  partitions: readonly StoredPartition[],
  { lacking, nowMs }: { readonly lacking: readonly number[]; readonly nowMs: number },
): DiskPlan {
  let left = [...lacking];
  const drops: DiskUnit[] = [];
  for (const unit of orderOf(unitsOf(partitions, lacking.length), nowMs)) {
    if (left.every((bytes) => bytes <= 0)) break;
    left = left.map((bytes, node) => bytes - (unit.bytes[node] ?? 0));
    drops.push(unit);
  }
  return { drops, isEnough: left.every((bytes) => bytes <= 0) };
}
