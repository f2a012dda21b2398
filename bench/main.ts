/** npm run bench: measures what watching costs and prints one table; bench/README.md says how to read it. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPrograms } from '../lab/programs.ts';
import { agentCost } from './agent-cost.ts';
import { answersCost } from './answers.ts';
import { billOf } from './bill.ts';
import { budgetCost } from './budget.ts';
import { block, cpuOf, runInterleaved, meanOf, medianOf } from './connections.ts';
import { hubThroughput } from './hub.ts';
import { labelsCost } from './labels.ts';
import { programCosts } from './programs.ts';
import { sweepCost } from './sweep.ts';
import { formatTable, type Block } from './table.ts';
import { throughput } from './throughput.ts';

const blockNames = [
  'two-cpus',
  'one-cpu',
  'throughput',
  'agent',
  'labels',
  'sweep',
  'budget',
  'bill',
  'programs',
  'hub',
  'answers',
] as const;
type BlockName = (typeof blockNames)[number];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    connections: { type: 'string', default: '20000' },
  },
});
const rounds = Number(values.rounds);
const connections = Number(values.connections);
const wanted = positionals.length === 0 ? blockNames : positionals;
const say = (line: string) => process.stderr.write(`${line}\n`);

function placed(text: string): string {
  return `${text}, both ends on this host, two processes`;
}

const apart = { clientCpu: 0, serverCpu: 1, text: placed('client on CPU 0, server on CPU 1') } as const;
const together = { clientCpu: 0, serverCpu: 0, text: placed('client and server on CPU 0') } as const;

async function perConnection(placement: typeof apart | typeof together): Promise<Block[]> {
  const runs = await runInterleaved(placement, { rounds, connections, say });
  return [
    block(runs, {
      title: `Time per connection, mean of a run: ${placement.text}`,
      value: meanOf,
      judged: true,
    }),
    block(runs, { title: 'The same, median connection of a run', value: medianOf, judged: false }),
    block(runs, { title: 'The same, CPU of both processes', value: cpuOf, judged: false }),
  ];
}

const measure: Readonly<Record<BlockName, () => Promise<Block[]>>> = {
  'two-cpus': () => perConnection(apart),
  'one-cpu': () => perConnection(together),
  throughput: async () => [await throughput(rounds, say)],
  agent: () => agentCost(apart, Math.ceil(rounds / 3), say),
  labels: async () => [await labelsCost(rounds, say)],
  sweep: async () => [await sweepCost(rounds, say)],
  budget: async () => [await budgetCost(Math.ceil(rounds / 3), say)],
  async bill() {
    const few = Math.ceil(rounds / 2);
    const bill = (placement: typeof apart | typeof together) =>
      billOf(placement, { title: `The bill of 100,000 connections: ${placement.text}`, rounds: few, say });
    return [await bill(apart), await bill(together)];
  },
  answers: async () => [await answersCost(rounds, say)],
  hub: async () => [await hubThroughput(Math.ceil(rounds / 3), say)],
  async programs() {
    const costs = (placement: typeof apart | typeof together) =>
      programCosts(placement, { title: `Kernel programs: ${placement.text}`, rounds: 3, connections });
    return [await costs(apart), await costs(together)];
  },
};

function machine(): string {
  const commit = readFileSync('/proc/loadavg', 'utf8').split(' ')[0] ?? '';
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${memory} GiB, load ${commit}`;
}

buildPrograms();
const blocks: Block[] = [];
const date = new Date().toISOString().slice(0, 10);
const where = `${date}, ${machine()}; ${rounds} rounds of ${connections} connections`;
for (const name of blockNames) {
  if (!wanted.includes(name)) continue;
  say(name);
  blocks.push(...(await measure[name]()));
}
console.log(`${where}\n\n${formatTable(blocks)}`);
const folder = join(import.meta.dirname, '../build/bench');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'last.json'), `${JSON.stringify({ where, blocks }, null, 2)}\n`);
