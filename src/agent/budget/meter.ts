/**
 * What Sonde costs on this node: CPU of the agent and run time of its kernel programs, memory of both.
 *
 * The kernel counts a program's run time only while it is asked to, which costs some 35 ns a run: so it is
 * asked for a part of each round. What a program's hook costs around it is not in that time.
 *
 * Owns that switch. Sweeps run on the agent's own threads, and are in its CPU time.
 */

/** Of one program, while the kernel counts them. */
export interface RunStatistics {
  readonly name: string;
  readonly runs?: bigint;
  readonly runTimeNs?: bigint;
}

export interface Usage {
  /** Shares of one processor. */
  readonly agentCpu: number;
  readonly programsCpu: number;
  /** Resident, with what it has mapped of maps. */
  readonly agentBytes: number;
  readonly mapBytes: number;
}

export const meterTimes = {
  roundMs: 2000,
  countedMs: 400,
  /** Maps are sized when they are made: what they take is asked for less often, each of them by a file. */
  mapsMs: 30_000,
} as const;

export interface MeterSource {
  /** Of all threads of this process since it began. */
  cpuMicroseconds(): number;
  residentBytes(): number;
  mapBytes(): number;
  statistics(on: boolean): void;
  programs(): readonly RunStatistics[];
}

export interface Meter {
  /** At each tick; a measurement when a round has ended. */
  tick(nowMs: number): Usage | undefined;
  /** Nothing is counted for it any more. */
  stop(): void;
}

function runTimeNs(programs: readonly RunStatistics[], own: ReadonlySet<string>): bigint {
  return programs.filter(({ name }) => !own.has(name)).reduce((sum, { runTimeNs: ns = 0n }) => sum + ns, 0n);
}

/** `sweeps`: programs that run on the agent's own threads. */
export function openMeter(source: MeterSource, sweeps: readonly string[]): Meter {
  const own = new Set(sweeps);
  let round: { readonly atMs: number; readonly cpu: number } | undefined;
  let counting: { readonly atMs: number; readonly ns: bigint } | undefined;
  let programsCpu: number | undefined;
  let maps: { readonly atMs: number; readonly bytes: number } | undefined;

  function mapBytes(nowMs: number): number {
    if (!maps || nowMs - maps.atMs >= meterTimes.mapsMs) maps = { atMs: nowMs, bytes: source.mapBytes() };
    return maps.bytes;
  }

  function beginCounting(nowMs: number): void {
    source.statistics(true);
    counting = { atMs: nowMs, ns: runTimeNs(source.programs(), own) };
  }

  function endCounting(nowMs: number): void {
    if (!counting) return;
    const ns = runTimeNs(source.programs(), own) - counting.ns;
    source.statistics(false);
    // A program that was attached anew counts from zero.
    if (ns >= 0n && nowMs > counting.atMs) programsCpu = Number(ns) / 1e6 / (nowMs - counting.atMs);
    counting = undefined;
  }

  return {
    tick(nowMs) {
      round ??= { atMs: nowMs, cpu: source.cpuMicroseconds() };
      const passed = nowMs - round.atMs;
      if (passed < meterTimes.roundMs - meterTimes.countedMs) return undefined;
      if (!counting) {
        beginCounting(nowMs);
        return undefined;
      }
      if (nowMs - counting.atMs < meterTimes.countedMs) return undefined;
      endCounting(nowMs);
      const cpu = source.cpuMicroseconds();
      const usage: Usage = {
        agentCpu: (cpu - round.cpu) / 1000 / passed,
        programsCpu: programsCpu ?? 0,
        agentBytes: source.residentBytes(),
        mapBytes: mapBytes(nowMs),
      };
      round = { atMs: nowMs, cpu };
      return usage;
    },
    stop() {
      if (counting) source.statistics(false);
      counting = undefined;
    },
  };
}
