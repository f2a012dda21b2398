/**
 * The agent's own CPU and memory under a steady rate. BPF programs run in the churn's processes; the sweep in
 * the agent's.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from './agent.ts';
import { churn, churnPort, type Placement } from './churn.ts';
import { cpuSeconds, memoryOf } from './process.ts';
import { besides, quietest } from './quiet.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

export const agentTargets = { corePercent: 5, megabytes: 130 } as const;
export const idleTargets = { corePercent: 0.3, megabytes: 110 } as const;

const rate = 10_000;
const seconds = 15;
/** Settling is not idling. */
const idle = { afterS: 15, forS: 60 } as const;

type Sample = {
  idlePercent: number;
  idleMb: number;
  corePercent: number;
  rssMb: number;
  peakMb: number;
  rate: number;
  others: number;
  lacks: string;
};

/** Nobody but the machine's own services has connections meanwhile. */
async function idling(agent: AgentProcess): Promise<Pick<Sample, 'idlePercent' | 'idleMb'>> {
  await sleep(idle.afterS * 1000);
  const [before, at] = [cpuSeconds(agent.pid), performance.now()];
  await sleep(idle.forS * 1000);
  const idlePercent = ((cpuSeconds(agent.pid) - before) * 1e5) / (performance.now() - at);
  return { idlePercent, idleMb: memoryOf(agent.pid).rssMb };
}

async function sample(placement: Placement): Promise<Sample> {
  await using agent = await AgentProcess.start();
  const idled = await idling(agent);
  const before = cpuSeconds(agent.pid);
  const { connections, elapsedS, others } = await besides(agent.pid, () =>
    churn(placement, { connections: rate * seconds, rate }),
  );
  const corePercent = ((cpuSeconds(agent.pid) - before) / elapsedS) * 100;
  const memory = memoryOf(agent.pid);
  await agent.stop();
  const missing = 2 * connections - (await agent.told(churnPort)).ended;
  return {
    ...idled,
    corePercent,
    ...memory,
    rate: connections / elapsedS,
    others,
    lacks: missing === 0 ? '' : `${missing} ends missing`,
  };
}

export async function agentCost(
  placement: Placement,
  runs: number,
  say: (line: string) => void,
): Promise<Block[]> {
  const samples: Sample[] = [];
  for (let run = 1; run <= runs; run++) {
    const taken = await quietest(() => sample(placement));
    samples.push(taken);
    const { idlePercent, idleMb, corePercent, rssMb, peakMb } = taken;
    say(`  ${run}/${runs} idle ${idlePercent.toFixed(2)} % of a core, ${idleMb.toFixed(0)} MB`);
    say(
      `  ${run}/${runs} ${corePercent.toFixed(2)} % of a core, ${rssMb.toFixed(0)} MB, peak ${peakMb.toFixed(0)} MB ${taken.lacks}`,
    );
  }
  const of = (value: (of: Sample) => number) => series(samples.map(value));
  const verdict = (met: boolean, wanted: string) => `wanted at most ${wanted}: ${met ? 'met' : 'missed'}`;
  const [idleCpu, idleRss] = [of((s) => s.idlePercent), of((s) => s.idleMb)];
  const idleCpuMet = idleCpu.median < idleTargets.corePercent;
  const idleRssMet = idleRss.median <= idleTargets.megabytes;
  const lacks = samples.map((s) => s.lacks).find(Boolean) ?? 'complete';
  const [cpu, rss, peak, reached] = [
    of((s) => s.corePercent),
    of((s) => s.rssMb),
    of((s) => s.peakMb),
    of((s) => s.rate),
  ];
  const cpuMet = cpu.median <= agentTargets.corePercent;
  const rssMet = rss.median <= agentTargets.megabytes;
  const loaded: Block = {
    title: `Agent at defaults under ${rate} connections/s for ${seconds} s, without BPF but with the sweep`,
    unit: '% of one core, MB',
    rows: [
      { name: 'CPU', ...cpu, note: verdict(cpuMet, `${agentTargets.corePercent} %`) },
      { name: 'RSS', ...rss, note: verdict(rssMet, `${agentTargets.megabytes} MB`) },
      { name: 'RSS peak', ...peak },
      { name: 'rate reached', ...reached, note: lacks },
    ],
  };
  return [
    {
      title: `Agent at defaults, idle for ${idle.forS} s, ${idle.afterS} s after its start`,
      unit: '% of one core, MB',
      rows: [
        { name: 'CPU', ...idleCpu, note: verdict(idleCpuMet, `${idleTargets.corePercent} %`) },
        { name: 'RSS', ...idleRss, note: verdict(idleRssMet, `${idleTargets.megabytes} MB`) },
      ],
    },
    loaded,
  ];
}
