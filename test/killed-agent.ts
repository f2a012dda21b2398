/**
 * node test/killed-agent.ts CONFIG SPOOL [MOMENT WINDOW]: the real agent in a process of its own,
 * delivering to a file, so that a test can kill it; or it kills itself, with the signal that nothing can
 * catch, at a moment in the closing of a window. Prints `open` when it counts, and everything it logs.
 */

import { readFileSync } from 'node:fs';
import { parseConfig } from '../src/agent/config.ts';
import { runAgent } from '../src/agent/main.ts';
import { artefacts, loadNative, type Native } from '../src/agent/kernel/native.ts';
import { sweepPrograms } from '../src/agent/kernel/sweep.ts';
import { fileDelivery } from './file-delivery.ts';

/** The steps of closing a window, in order. The agent dies when it has done the step, or done it by half. */
export const moments = [
  'numbered',
  'closing slot set',
  'live slot set',
  'swept',
  'udp swept',
  'read',
  'committed',
  'half cleared',
  'cleared',
  'half laid',
  'laid',
] as const;
export type Moment = (typeof moments)[number];

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Every step is a call of the addon: after `closings` of them, the one that comes next is the window's. */
function dyingNative(native: Native, moment: Moment, at: number): Native {
  let closings = -1; // the first swap is that of the start
  let rows = 0;
  const rowsOfNode = 39;
  const isNow = (of: Moment) => moment === of && closings === at;
  return {
    ...native,
    async point(of, outer, index, inner) {
      if (index === 1) closings++;
      if (index === 1 && isNow('numbered')) die();
      await native.point(of, outer, index, inner);
      if (isNow(index === 1 ? 'closing slot set' : 'live slot set')) die();
    },
    async run(of, program, ...netns) {
      await native.run(of, program, ...netns);
      if (program !== 'sweep_holders' && isNow(sweepPrograms.includes(program) ? 'swept' : 'udp swept'))
        die();
    },
    async read(of, map, keys, values) {
      const count = await native.read(of, map, keys, values);
      if (isNow('read')) die();
      return count;
    },
    async remove(of, map, keys, count) {
      if (isNow('committed')) die();
      await native.remove(of, map, keys, isNow('half cleared') ? Math.floor(count / 2) : count);
      if (isNow('half cleared') || isNow('cleared')) die();
      rows = 0;
    },
    write(of, map, key, value) {
      native.write(of, map, key, value);
      if (!map.startsWith('flows')) return;
      rows++;
      if ((isNow('half laid') && rows === 10) || (isNow('laid') && rows === rowsOfNode)) die();
    },
  };
}

if (import.meta.main) {
  const [config, spool, moment, window] = process.argv.slice(2) as [string, string, Moment?, string?];
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  const native = loadNative(artefacts());
  const { orphanMs, ...settings } = JSON.parse(readFileSync(config, 'utf8')) as { orphanMs?: number };
  const parsed = await parseConfig(settings, config);
  const limits = { ...parsed.limits, ...(orphanMs === undefined ? {} : { orphan_max: orphanMs }) };
  await runAgent({ ...parsed, limits }, stopping.signal, {
    log: { info: say, warn: say },
    native: moment === undefined ? native : dyingNative(native, moment, Number(window)),
    delivery: fileDelivery(spool),
    onOpen: () => say('open'),
  });
}
