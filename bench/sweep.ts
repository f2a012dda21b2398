/**
 * CPU of one sweep over many open connections: what a window's end costs on a node that holds them. Both ends
 * are on this host, so that half as many connections make as many sockets.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { programPath } from '../lab/programs.ts';
import { Namespace } from '../lab/namespaces.ts';
import { kernelLimits } from '../src/agent/kernel/generation.ts';
import { artefacts, loadNative, type Native } from '../src/agent/kernel/native.ts';
import type { Kernel } from '../src/agent/kernel/programs.ts';
import { loadSupported } from '../src/agent/kernel/supported.ts';
import { sweepPrograms } from '../src/agent/kernel/sweep.ts';
import { signalNames } from '../src/model/signals.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

/** Sockets, each the end of a connection; in as many processes as their limits of open files want. */
const openEnds = 100_000;
const endsPerProcess = 10_000;
const firstPort = 7000;
export const sweepMsMax = 100;

type Timed = { readonly native: Native; sweepMs: number };

/** The CPU of each sweep over the sockets, of all threads: it runs while this process reads its iterator. */
function timed(): Timed {
  const native = loadNative(artefacts());
  const of: Timed = {
    sweepMs: 0,
    native: {
      ...native,
      async run(object, program, ...netns) {
        const before = process.cpuUsage();
        await native.run(object, program, ...netns);
        const { user, system } = process.cpuUsage(before);
        if (!sweepPrograms.includes(program)) return;
        if (program === sweepPrograms[0] || program === 'sweep_holders') of.sweepMs = 0;
        of.sweepMs += (user + system) / 1000;
      },
    },
  };
  return of;
}

interface Holder {
  readonly child: ChildProcess;
  /** A byte through each. */
  readonly send: () => Promise<void>;
}

async function hold(netns: string, port: number): Promise<Holder> {
  const words = [programPath('held'), '127.0.0.1', String(port), String(endsPerProcess / 2)];
  const child = spawn('nsenter', [`--net=${netns}`, '--', ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const send = async () => {
    child.stdin.write('\n');
    await once(child.stdout, 'data');
  };
  return { child, send };
}

async function closeWindow(kernel: Kernel, window: number): Promise<number> {
  const raw = await kernel.close(window, Date.now());
  await kernel.clear(raw);
  return raw.count;
}

export async function sweepCost(rounds: number, say: (line: string) => void): Promise<Block> {
  const of = timed();
  await using namespace = await Namespace.open('held');
  const holders: Holder[] = [];
  const [idle, moved]: [number[], number[]] = [[], []];
  let window = 0;
  try {
    for (let port = firstPort; holders.length < openEnds / endsPerProcess; port++)
      holders.push(await hold(namespace.path, port));
    const { kernel: loaded, refused } = loadSupported(of.native, artefacts().object, {
      limits: kernelLimits,
    });
    await using kernel = loaded;
    await kernel.start(signalNames.filter((name) => !refused.has(name)));
    await closeWindow(kernel, ++window);
    for (let round = 1; round <= rounds; round++) {
      await closeWindow(kernel, ++window);
      idle.push(of.sweepMs);
      for (const { send } of holders) await send();
      await closeWindow(kernel, ++window);
      moved.push(of.sweepMs);
      say(`  ${round}/${rounds} idle ${idle.at(-1)?.toFixed(1)} ms, moved ${of.sweepMs.toFixed(1)} ms`);
    }
  } finally {
    for (const { child } of holders) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  const note = (runs: readonly number[]) =>
    `wanted under ${sweepMsMax} ms: ${series(runs).median < sweepMsMax ? 'met' : 'missed'}`;
  const rows = [
    { name: 'none has moved', ...series(idle), note: note(idle) },
    { name: 'each has moved', ...series(moved), note: note(moved) },
  ];
  return { title: `One sweep over ${openEnds} open ends of connections, CPU`, unit: 'ms', rows };
}
