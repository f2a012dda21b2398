/**
 * What a made-up history is: one file in worlds/ for each method, with ordinary traffic that has days, weeks,
 * deployments and noise that is not Poisson's, and faults of several strengths. What a step gives has the
 * shape of detect.sql's rows.
 */
import { readdirSync } from 'node:fs';
import type { Seen } from '../../src/hub/detect/method.ts';
import type { Prng } from '../../src/lib/prng.ts';

export type Steps = (atMs: number) => readonly Seen[];

export interface Fault {
  readonly name: string;
  /** A step of the fault, from the ordinary one; `nth` from 0 on. */
  readonly change: (seen: readonly Seen[], random: Prng, nth: number) => readonly Seen[];
}

export interface World {
  readonly ordinary: string;
  /** What must be said of the figures. */
  readonly note?: string;
  /** Sources that share one key; 1 without it. */
  readonly sources?: number;
  /** So many times as many keys are measured: it is cheap, and has an alarm now and then. */
  readonly times?: number;
  /** One key's traffic. */
  readonly key: (random: Prng, stepMs: number) => Steps;
  readonly faults: readonly Fault[];
}

/** Milliseconds. */
export const [minute, hour, day, week] = [60_000, 3_600_000, 86_400_000, 604_800_000];

/** From `low` to `high`, as likely in each order of magnitude. */
export function spread(random: Prng, low: number, high: number): number {
  return low * (high / low) ** random.unit();
}

export function count(seen: readonly Seen[], name: string): number {
  return Number(seen[0]?.[name] ?? 0);
}

/** By method. */
export async function loadWorlds(): Promise<ReadonlyMap<string, World>> {
  const folder = new URL('worlds/', import.meta.url);
  const loaded = readdirSync(folder).map(async (file) => {
    const { world } = (await import(new URL(file, folder).href)) as { world: World };
    return [file.replace(/\.ts$/, ''), world] as const;
  });
  return new Map(await Promise.all(loaded));
}
