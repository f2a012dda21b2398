/**
 * One TCP stream over loopback as fast as it goes, by iperf3: what programs on the way of every packet take
 * from it. They see each packet twice, as it leaves and as it comes.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Namespace } from '../lab/namespaces.ts';
import { cpuSeconds, machineBusySeconds } from './process.ts';
import { quietest } from './quiet.ts';
import { series } from './series.ts';
import { subjects, type SubjectName } from './subjects.ts';
import type { Block, Row } from './table.ts';

const names = ['base', 'windows', 'all signals'] as const satisfies readonly SubjectName[];
type Name = (typeof names)[number];

/** What may be lost, in percent of base. */
export const lossPercentMax = { windows: 1, 'all signals': 2 } as const;

const seconds = 3;

type Sample = { readonly gigabits: number; readonly others: number };

async function iperf(netns: string, ...words: readonly string[]): Promise<string> {
  const child = spawn('nsenter', [`--net=${netns}`, '--', 'iperf3', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (text) => (said += String(text)));
  await once(child, 'close');
  return said;
}

/** Server on CPU 1, client on CPU 0, in a network namespace of the run's own. */
async function stream(netns: string): Promise<number> {
  const server = iperf(netns, '--server', '--one-off', '--bind', '127.0.0.1');
  const words = ['--client', '127.0.0.1', '--time', String(seconds), '--json', '--affinity', '0,1'];
  let said = '';
  // Its server takes a moment to listen.
  for (let attempt = 0; attempt < 50 && !said.includes('"sum_received"'); attempt++) {
    said = await iperf(netns, ...words);
  }
  await server;
  const { end } = JSON.parse(said) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

async function sample(name: Name): Promise<Sample> {
  await using running = await subjects[name]();
  await using namespace = await Namespace.open('stream');
  const { pid } = running;
  const own = () => (pid === undefined ? 0 : cpuSeconds(pid));
  const [before, at] = [machineBusySeconds() - own(), performance.now()];
  const gigabits = await stream(namespace.path);
  // Two CPUs are the stream's; what is beyond is somebody else's.
  const elapsedS = (performance.now() - at) / 1000;
  const busy = (machineBusySeconds() - own() - before) / elapsedS;
  return { gigabits, others: Math.max(0, busy - 2) };
}

export async function throughput(rounds: number, say: (line: string) => void): Promise<Block> {
  const runs: Record<Name, number[]> = { base: [], windows: [], 'all signals': [] };
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const { gigabits } = await quietest(() => sample(name));
      runs[name].push(gigabits);
      say(`  ${round}/${rounds} ${name}: ${gigabits.toFixed(2)} Gbit/s`);
    }
  }
  const base = series(runs.base);
  const rows = names.map((name): Row => {
    const { min, median } = series(runs[name]);
    if (name === 'base') return { name, min, median };
    // Within a round, which a machine that is now faster and now slower leaves as it is.
    const lost = series(runs[name].map((run, round) => 100 * (1 - run / (base.runs[round] ?? NaN)))).median;
    const wanted = lossPercentMax[name];
    const verdict = lost <= wanted ? 'met' : 'missed';
    const note = `loses ${lost.toFixed(1)} % (median of rounds); wanted at most ${wanted} %: ${verdict}`;
    return { name, min, median, note };
  });
  return { title: `One TCP stream over loopback, ${seconds} s`, unit: 'Gbit/s', rows };
}
