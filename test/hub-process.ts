/**
 * A hub as a process of its own, for tests that kill it: the real one but for its store, which is a file and
 * is away now and then. First argument: its folder. Says its address in a line on standard output.
 */

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHubConfig } from '../src/hub/config.ts';
import { openHub, type Backend } from '../src/hub/hub.ts';
import { packing, tables } from '../src/hub/store/store.ts';
import { systemClock } from '../src/lib/clock.ts';
import { stderrLog } from '../src/lib/log.ts';
import { entropySeed, prng } from '../src/lib/prng.ts';
import type { StoreBlock } from '../src/model/block.ts';
import { nobodyAsks } from './nobody-asks.ts';

const [, , folder = ''] = process.argv;
const random = prng(entropySeed());
const sequenceAt = tables.flows.indexOf('record_sequence');
const instanceAt = tables.flows.indexOf('agent_instance');

/** As a line: the block's id and its records. Lines are written whole, or the process is killed before. */
async function insert({ id, rows }: StoreBlock): Promise<void> {
  await systemClock.sleep(random.below(8));
  if (random.below(10) === 0) throw new Error('away');
  const records = [...(rows.flows ?? [])].map((row) => [row[instanceAt], row[sequenceAt]]);
  appendFileSync(join(folder, 'stored.jsonl'), `${JSON.stringify({ id, records })}\n`);
  if (random.below(10) === 0) throw new Error('the answer is lost');
}

const backend: Backend = {
  kind: 'file',
  expectations: { list: () => ({ expectations: [], problem: null }) },
  exports: { rows: () => Promise.reject(new Error('not asked for here')) },
  detect: {
    findings: () => Promise.resolve([]),
    summary: () => Promise.resolve({ detectors: {}, deliveries: {} }),
  },
  ask: nobodyAsks,
  insert,
  ready: () => Promise.resolve(true),
  version: () => Promise.resolve('0'),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

const stop = Promise.withResolvers<undefined>();
process.once('SIGTERM', () => {
  stop.resolve(undefined);
});
await using hub = await openHub({
  config: parseHubConfig({ listen: '127.0.0.1:0', limits: { journal: '1MiB' } }, 'the test'),
  journalFolder: join(folder, 'journal'),
  webFolder: join(folder, 'none'),
  packing,
  connect: () => Promise.resolve(backend),
  clock: systemClock,
  log: stderrLog,
});
process.stdout.write(`${hub.url}\n`);
await stop.promise;
