/**
 * What Sonde costs on this node, measured for a while: each kernel program, the agent, its exporters, and
 * what that means for other loads. The kernel counts the programs' run time meanwhile, which itself costs
 * some 35 ns a run; that is in it.
 */

import type { Clock } from '../../lib/clock.ts';
import type { RunStatistics } from './meter.ts';

export interface ProgramCost {
  readonly name: string;
  readonly runs: number;
  readonly nsPerRun: number;
  /** Of one processor. */
  readonly cpu: number;
}

export interface Rate {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

export interface Profile {
  readonly seconds: number;
  /** As the kernel counted them, opened by either side, over all network namespaces in reach. */
  readonly connectionsPerSecond: number;
  /** Those that ran, the dearest first. Sweeps run on the agent's threads, and are in its CPU as well. */
  readonly programs: readonly ProgramCost[];
  readonly programsCpu: number;
  readonly agentCpu: number;
  readonly agentBytes: number;
  readonly mapBytes: number;
  readonly exporters: Readonly<Record<string, Rate>>;
  /** The programs' CPU at other rates of connections; null: too few came to tell. */
  readonly projected:
    readonly { readonly connectionsPerSecond: number; readonly programsCpu: number }[] | null;
}

export const profileLimits = {
  /** With fewer, what they cost is lost in what else there is. */
  connectionsMin: 100,
  rates: [100, 1000, 10_000, 50_000],
} as const;

export interface Delivered {
  readonly deliveredRecords: number;
  readonly deliveredBytes: number;
}

export interface ProfileSource {
  cpuMicroseconds(): number;
  residentBytes(): number;
  mapBytes(): number;
  statistics(on: boolean): void;
  programs(): readonly RunStatistics[];
  opens(): Promise<number>;
  exporters(): Readonly<Record<string, Delivered>>;
}

interface Reading {
  readonly atNs: bigint;
  readonly cpu: number;
  readonly programs: ReadonlyMap<string, RunStatistics>;
  readonly opens: number;
  readonly exporters: Readonly<Record<string, Delivered>>;
}

async function read(source: ProfileSource, clock: Clock): Promise<Reading> {
  const opens = await source.opens();
  return {
    atNs: clock.monotonicNs(),
    cpu: source.cpuMicroseconds(),
    programs: new Map(source.programs().map((program) => [program.name, program])),
    opens,
    exporters: source.exporters(),
  };
}

function programCosts(before: Reading, after: Reading, seconds: number): ProgramCost[] {
  const costs = [...after.programs.values()].map(({ name, runs = 0n, runTimeNs = 0n }) => {
    const was = before.programs.get(name);
    // One that was attached meanwhile counts from zero.
    const isSame = runs >= (was?.runs ?? 0n);
    const ran = Number(runs - (isSame ? (was?.runs ?? 0n) : 0n));
    const ns = Number(runTimeNs - (isSame ? (was?.runTimeNs ?? 0n) : 0n));
    return { name, runs: ran, nsPerRun: ran === 0 ? 0 : ns / ran, cpu: ns / 1e9 / seconds };
  });
  return costs.filter(({ runs }) => runs > 0).sort((a, b) => b.cpu - a.cpu);
}

function rates(before: Reading, after: Reading, seconds: number): Record<string, Rate> {
  return Object.fromEntries(
    Object.entries(after.exporters).map(([name, { deliveredRecords, deliveredBytes }]) => {
      const was = before.exporters[name];
      return [
        name,
        {
          recordsPerSecond: (deliveredRecords - (was?.deliveredRecords ?? 0)) / seconds,
          bytesPerSecond: (deliveredBytes - (was?.deliveredBytes ?? 0)) / seconds,
        },
      ];
    }),
  );
}

/** `sweeps`: programs that run on the agent's own threads. The signal ends it early, with what there is. */
export async function profile(
  source: ProfileSource,
  {
    clock,
    forMs,
    sweeps,
  }: { readonly clock: Clock; readonly forMs: number; readonly sweeps: readonly string[] },
  signal: AbortSignal,
): Promise<Profile> {
  source.statistics(true);
  try {
    const before = await read(source, clock);
    await clock.sleep(forMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    const after = await read(source, clock);
    const seconds = Number(after.atNs - before.atNs) / 1e9;
    const programs = programCosts(before, after, seconds);
    const byConnections = programs.filter(({ name }) => !sweeps.includes(name));
    const programsCpu = byConnections.reduce((sum, { cpu }) => sum + cpu, 0);
    const connections = Math.max(0, after.opens - before.opens);
    const perConnection = (programsCpu * seconds) / connections;
    return {
      seconds,
      connectionsPerSecond: connections / seconds,
      programs,
      programsCpu,
      agentCpu: (after.cpu - before.cpu) / 1e6 / seconds,
      agentBytes: source.residentBytes(),
      mapBytes: source.mapBytes(),
      exporters: rates(before, after, seconds),
      projected:
        connections < profileLimits.connectionsMin
          ? null
          : profileLimits.rates.map((rate) => ({
              connectionsPerSecond: rate,
              programsCpu: rate * perConnection,
            })),
    };
  } finally {
    source.statistics(false);
  }
}
