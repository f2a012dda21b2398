/**
 * What an agent takes under a load, against what it may: the steps it goes down, whether it stays within,
 * what connections lose by it as seen from outside, and how it comes back when the load is gone.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentStatus } from '../src/agent/agent.ts';
import { steps, type Step } from '../src/model/budget.ts';
import { AgentProcess } from './agent.ts';
import { churn } from './churn.ts';
import { series } from './series.ts';
import type { Block, Row } from './table.ts';

/** Of both pairs. One client and one server do not make as many. */
const rate = 20_000;
const pairs = [0, 1] as const;
const loadS = 60;
const lookMs = 1000;
/** From the last step to the first: six times the time that has to be calm, and some. */
const backWithinS = 240;

interface Look {
  readonly step: Step;
  /** Of one processor, agent and kernel programs, as measured last. */
  readonly cpu: number;
}

interface Course {
  readonly looks: readonly Look[];
  readonly reached: number;
  /** Seconds from the end of the load until everything is done again; undefined: not within the time. */
  readonly backS: number | undefined;
}

async function lookAt(agent: AgentProcess): Promise<Look> {
  const { budget } = (await agent.status()) as Pick<AgentStatus, 'budget'>;
  const { agentCpu = 0, programsCpu = 0 } = budget.usage ?? {};
  return { step: budget.step, cpu: agentCpu + programsCpu };
}

/** A client and a server on each processor; `rate` of both, 0: as fast as they go. Connections a second. */
async function load(connections: number, perSecond = 0): Promise<number> {
  const each = { connections: connections / pairs.length, rate: perSecond / pairs.length };
  const costs = await Promise.all(pairs.map((cpu) => churn({ clientCpu: cpu, serverCpu: cpu }, each)));
  return costs.reduce((sum, cost) => sum + cost.connections / cost.elapsedS, 0);
}

async function course(cpu: string): Promise<Course> {
  await using agent = await AgentProcess.start({ budget: { cpu } });
  const looks: Look[] = [];
  const loaded = new AbortController();
  const looking = (async () => {
    while (!loaded.signal.aborted) {
      looks.push(await lookAt(agent));
      await sleep(lookMs);
    }
  })();
  const reached = await load(rate * loadS, rate);
  loaded.abort();
  await looking;
  const endedAt = performance.now();
  const passed = () => (performance.now() - endedAt) / 1000;
  while (passed() < backWithinS && (await lookAt(agent)).step !== 'everything') await sleep(lookMs);
  const isBack = passed() < backWithinS;
  return { looks, reached, backS: isBack ? passed() : undefined };
}

/** In the order in which they were seen. */
function walked(looks: readonly Look[]): string {
  const seen = new Set(looks.map(({ step }) => step));
  return steps.filter((step) => seen.has(step)).join(' → ');
}

function rowOf(cpu: string, { looks, reached, backS }: Course): Row {
  // The first half is the way to where it stays. Detached, nothing is measured.
  const counted = looks.filter(({ step }) => step !== 'detached').map((look) => 100 * look.cpu);
  const settled = counted.slice(Math.floor(counted.length / 2));
  const back = backS === undefined ? 'not back' : `back after ${backS.toFixed(0)} s`;
  const note = `${walked(looks)}; most ${Math.max(...settled).toFixed(1)}; ${reached.toFixed(0)}/s; ${back}`;
  return { name: `budget ${cpu}`, ...series(settled), note };
}

/** Connections a second, as fast as they go, beside an agent with this budget or beside none. */
async function fastest(cpu: string | undefined): Promise<number> {
  await using agent = cpu === undefined ? undefined : await AgentProcess.start({ budget: { cpu } });
  if (agent) await sleep(1000);
  return await load(200_000);
}

async function throughputLost(cpu: string, rounds: number): Promise<Row> {
  const lost: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [without, having] = [await fastest(undefined), await fastest(cpu)];
    lost.push(100 * (1 - having / without));
  }
  return { name: `connections/s lost, ${cpu}`, ...series(lost), note: 'at full speed, % of those without' };
}

export async function budgetCost(rounds: number, say: (line: string) => void): Promise<Block> {
  const rows: Row[] = [];
  for (const cpu of ['15%', '2%']) {
    const row = rowOf(cpu, await course(cpu));
    say(`  ${row.name}: ${row.note ?? ''}`);
    rows.push(row);
  }
  rows.push(await throughputLost('15%', rounds));
  return {
    title: `Budget under ${String(rate)} connections/s for ${String(loadS)} s, as the agent measures itself`,
    unit: '% of one core',
    rows,
  };
}
