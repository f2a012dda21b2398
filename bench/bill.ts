/**
 * The whole bill of 100,000 connections: CPU seconds added in the workload, and the observer's own, from
 * before the first connection until its records of the last are delivered.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { churn, type Placement } from './churn.ts';
import { cpuSeconds } from './process.ts';
import { besides, quietest } from './quiet.ts';
import { series, type Series } from './series.ts';
import { subjects, type SubjectName } from './subjects.ts';
import type { Block, Row } from './table.ts';

export const billTargets = { seconds: 1, aimedSeconds: 0.8 } as const;

const connections = 100_000;
const windowMs = 10_000;
const deliveredWithinMs = 30_000;

const names = ['base', 'windows', 'tcplife'] as const satisfies readonly SubjectName[];
type Name = (typeof names)[number];
type Entry = {
  readonly workload: number;
  readonly own: number;
  readonly others: number;
  readonly lacks: string;
};

/** Just behind a border, so that each run pays for whole windows and not for where in one it began. */
async function nextBorder(): Promise<void> {
  const ms = windowMs - (Date.now() % windowMs) + 500;
  await sleep(ms);
}

async function run(name: Name, placement: Placement): Promise<Entry> {
  await using running = await subjects[name]();
  const { pid, complete } = running;
  const own = () => (pid === undefined ? 0 : cpuSeconds(pid));
  if (complete) await nextBorder();
  const before = own();
  const { cpuS, others } = await besides(pid, () => churn(placement, { connections }));
  const end = Date.now() + deliveredWithinMs;
  while (complete && !(await complete(connections)) && Date.now() < end) await sleep(100);
  const bill = { workload: cpuS, own: own() - before, others };
  return { ...bill, lacks: await running.finish(connections) };
}

function rowsOf(name: Exclude<Name, 'base'>, entries: readonly Entry[], base: Series): Row[] {
  const label = name === 'windows' ? 'Sonde at defaults' : name;
  // Each run against the base of all: one base run's noise must not become the bill's.
  const workload = series(entries.map((entry) => entry.workload));
  const own = series(entries.map((entry) => entry.own));
  const sum = series(entries.map((entry) => entry.workload + entry.own));
  const bill = { addedMin: sum.min - base.min, addedMedian: sum.median - base.median };
  const lacks = entries.map((entry) => entry.lacks).find(Boolean) ?? 'complete';
  const wanted = `wanted at most ${billTargets.seconds}, aimed at ${billTargets.aimedSeconds}`;
  const met = bill.addedMedian <= billTargets.seconds;
  return [
    {
      name: `${label}: workload`,
      ...workload,
      addedMin: workload.min - base.min,
      addedMedian: workload.median - base.median,
    },
    { name: `${label}: its own`, ...own, addedMin: own.min, addedMedian: own.median },
    {
      name: `${label}: the bill`,
      ...sum,
      ...bill,
      note: name === 'windows' ? `${lacks}; ${wanted}: ${met ? 'met' : 'missed'}` : '',
    },
  ];
}

type Plan = { readonly title: string; readonly rounds: number; readonly say: (line: string) => void };

export async function billOf(placement: Placement, { title, rounds, say }: Plan): Promise<Block> {
  const entries: Record<Name, Entry[]> = { base: [], windows: [], tcplife: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const entry = await quietest(() => run(name, placement));
      entries[name].push(entry);
      say(
        `  ${round}/${rounds} ${name} ${entry.workload.toFixed(2)} s + ${entry.own.toFixed(2)} s, others ${(entry.others * 100).toFixed(0)} % ${entry.lacks}`,
      );
    }
  }
  const base = series(entries.base.map((entry) => entry.workload));
  return {
    title,
    unit: 'CPU s',
    rows: [
      { name: 'base: workload', ...base },
      ...rowsOf('windows', entries.windows, base),
      ...rowsOf('tcplife', entries.tcplife, base),
    ],
  };
}
