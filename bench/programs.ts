/**
 * Nanoseconds per run of each kernel program, by the kernel's own statistics. They cost time too: 30 to 40 ns
 * a run.
 */

import { kernelLimits } from '../src/agent/kernel/generation.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { Kernel } from '../src/agent/kernel/programs.ts';
import { signalNames } from '../src/model/signals.ts';
import { churn, type Placement } from './churn.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

type Sample = { readonly ns: number; readonly perConnection: number };

/** The programs as the agent loads them at defaults, in this process; the window is swapped by nobody. */
async function sample(placement: Placement, connections: number): Promise<Map<string, Sample>> {
  const paths = artefacts();
  await using kernel = new Kernel(loadNative(paths), paths.object, {
    limits: kernelLimits,
    signals: signalNames,
  });
  await kernel.start(signalNames);
  kernel.statistics(true);
  const before = new Map(kernel.programs().map((program) => [program.name, program]));
  await churn(placement, { connections });
  const samples = new Map<string, Sample>();
  for (const { name, runs = 0n, runTimeNs = 0n } of kernel.programs()) {
    const count = Number(runs - (before.get(name)?.runs ?? 0n));
    if (count < connections) continue; // not of a connection's everyday
    const ns = Number(runTimeNs - (before.get(name)?.runTimeNs ?? 0n)) / count;
    samples.set(name, { ns, perConnection: count / connections });
  }
  return samples;
}

type Plan = { readonly title: string; readonly rounds: number; readonly connections: number };

export async function programCosts(
  placement: Placement,
  { title, rounds, connections }: Plan,
): Promise<Block> {
  const samples: Map<string, Sample>[] = [];
  for (let round = 0; round < rounds; round++) samples.push(await sample(placement, connections));
  const rows = [...(samples[0]?.keys() ?? [])].map((name) => {
    const ofName = samples.map((taken) => taken.get(name)).filter((taken) => taken !== undefined);
    const { min, median } = series(ofName.map(({ ns }) => ns));
    return { name, min, median, note: `${(ofName[0]?.perConnection ?? 0).toFixed(1)} runs a connection` };
  });
  return { title, unit: 'ns a run', rows };
}
