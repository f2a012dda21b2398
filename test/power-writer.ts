/**
 * Runs in a guest whose power is cut, for power.long.root.test.ts: the agent's own delivery over a spool on
 * the disk, to a file beside it and to a receiver far away, which is the host at the other end of the
 * console. It is told there what is promised, in lines:
 *
 *   `had BOOT FIRST LAST`         the receiver took records of these sequences
 *   `window BOOT NUMBER LAST BEFORE`  among them the closing record of a window, behind so many others
 *   `settled`                     all that it had up to the last window will not come again
 *   `durable BOOT NUMBER`    a window is on the disk, and what was appended before it
 *   `lost REASON COUNT`
 *
 * node test/power-writer.ts write|read FOLDER
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDelivery, type Delivery } from '../src/agent/deliver/delivery.ts';
import { openExporters, type OpenExporter } from '../src/agent/deliver/exporter.ts';
import { systemClock } from '../src/lib/clock.ts';
import { stderrLog } from '../src/lib/log.ts';
import type { ConnectionRecord, NumberedRecord, RowRecord, WindowRecord } from '../src/model/record.ts';

const [mode, folder = ''] = process.argv.slice(2);
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** A segment is an eighth of it: full after a few windows. All that one boot writes has room. */
const spoolBytes = 512 << 10;
const rowsMax = 20;
/** Single events before each window: about as many bytes, so that segments end with either. */
const appends = 3;
const eventsPerAppend = 4;
/** A record that compression makes no smaller than this. */
const noiseBytes = 600;
/** The receiver is away for so many windows, takes what is there for a few, and so on. */
const spells = { away: 7, there: 3 } as const;
/**
 * Between two looks; what the receiver takes for an answer, so that it is the last to have all; and between
 * the promise that all is settled and the first write behind it.
 */
const pauseMs = { look: 20, answer: 100, settled: 300 } as const;

function say(...words: readonly (string | number)[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}

/** A receiver on the other end of the console; while it is away, a delivery hangs. */
function openFar() {
  let there = Promise.withResolvers<undefined>();
  there.resolve(undefined);
  function take(record: NumberedRecord): void {
    if (record['event.name'] !== 'sonde.window') return;
    const { 'boot.id': boot, 'record.sequence': last } = record;
    say('window', boot, record['window.number'], last, record['window.records']);
  }
  const exporter: OpenExporter = {
    async deliver(records) {
      await there.promise;
      await systemClock.sleep(pauseMs.answer);
      for (const boot of new Set(records.map((record) => record['boot.id']))) {
        const sequences = records.filter((of) => of['boot.id'] === boot).map((of) => of['record.sequence']);
        say('had', boot, Math.min(...sequences), Math.max(...sequences), sequences.length);
      }
      records.forEach(take);
      return { settled: records.length };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    exporter,
    leave() {
      there = Promise.withResolvers();
    },
    comeBack() {
      there.resolve(undefined);
    },
  };
}

/** As far as these records go, they are the agent's. */
const labels = { 'boot.id': bootId, 'agent.instance': 'main' };
const noise = () => randomBytes(noiseBytes).toString('base64');
const event = () =>
  ({ 'event.name': 'sonde.connection', ...labels, noise: noise() }) as unknown as ConnectionRecord;
const row = (number: number) =>
  ({
    'event.name': 'sonde.flow',
    ...labels,
    'window.number': number,
    noise: noise(),
  }) as unknown as RowRecord;
const closing = (number: number, before: number) =>
  ({
    ...{ 'event.name': 'sonde.window', ...labels, 'window.number': number, 'window.records': before },
  }) as unknown as WindowRecord;
const several = <T>(length: number, make: () => T): T[] => Array.from({ length }, make);

/** Delivers what the boots before have left. Its end waits for the cursors. */
async function deliverRest(delivery: Delivery): Promise<void> {
  const behind = () => Object.values(delivery.status()).some(({ behindRecords }) => behindRecords > 0);
  while (behind()) await systemClock.sleep(pauseMs.look);
  for (const [reason, count] of Object.entries(delivery.losses())) say('lost', reason, count);
  await delivery[Symbol.asyncDispose]();
  say('settled');
}

async function write(delivery: Delivery): Promise<never> {
  for (let number = 1; ; number++) {
    const at = (number - 1) % (spells.away + spells.there);
    if (at === 0) far.leave();
    if (at === spells.away) far.comeBack();
    for (let n = 0; n < appends; n++) await delivery.deliver(several(eventsPerAppend, event));
    const records = several((number * 997) % rowsMax, () => row(number));
    const before = records.length + appends * eventsPerAppend;
    await delivery.commit({ records, closing: closing(number, before), state: { number } });
    say('durable', bootId, number);
  }
}

const far = openFar();

async function open(): Promise<Delivery> {
  const context = { clock: systemClock, log: stderrLog };
  const jsonl = { path: join(folder, 'records.jsonl'), max_size: 1e9, keep: 1, names: 'canonical' };
  const exporters = await openExporters({ jsonl }, context);
  exporters.set('far', far.exporter);
  const limits = { max_size: spoolBytes, drain: 60_000 };
  return startDelivery(exporters, limits, { ...context, folder: join(folder, 'state'), bootId });
}

await deliverRest(await open());
if (mode === 'write') {
  await systemClock.sleep(pauseMs.settled);
  await write(await open());
}
