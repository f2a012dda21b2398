/**
 * Power cuts: qemu is killed at random moments, and with it goes what its guest had in memory and not on the
 * disk. What the agent's delivery promised before is there afterwards.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { entropySeed, prng, type Prng } from '../src/lib/prng.ts';
import { systemClock } from '../src/lib/clock.ts';
import { emptyDisk } from './guest/disk.ts';
import { runInGuest, type GuestResult } from './guest/guest.ts';
import { fetchKernel, KernelUnavailable, type Kernel } from './guest/kernels.ts';

const diskBytes = 256 << 20;
const timeoutMs = 120_000;
/** After which line the power is cut: the how-manieth is chance, and so is how long after it. */
const cuts = ['durable', 'settled', 'had', 'durable', 'settled'] as const;
const countMax = 20;
const delayMsMax = 150;

interface Window {
  readonly last: number;
  /** Events and rows: nothing is between these and its closing record. */
  readonly before: number;
}

/** What the receiver has of one boot, and what it was promised. */
interface Boot {
  /** How often each record came, by its sequence. */
  readonly had: Map<number, number>;
  readonly windows: Map<number, Window>;
  durable: number;
  /** Up to this one nothing may come again. */
  settled: number;
}

/** Reads the lines of power-writer.ts, over all boots. */
function openReceiver() {
  const boots = new Map<string, Boot>();
  const lost: string[] = [];
  let [again, afterSettled] = [0, 0];
  const bootOf = (id: string): Boot => {
    const boot = boots.get(id) ?? { had: new Map(), windows: new Map(), durable: 0, settled: 0 };
    boots.set(id, boot);
    return boot;
  };
  function had(boot: Boot, first: number, last: number): void {
    for (let sequence = first; sequence <= last; sequence++) {
      const times = boot.had.get(sequence) ?? 0;
      if (times > 0) again++;
      if (sequence <= boot.settled) afterSettled++;
      boot.had.set(sequence, times + 1);
    }
  }
  function settle(): void {
    for (const boot of boots.values())
      boot.settled = Math.max(0, ...[...boot.windows.values()].map(({ last }) => last));
  }
  return {
    boots,
    lost,
    again: () => again,
    afterSettled: () => afterSettled,
    read(line: string): void {
      const [kind, id = '', ...rest] = line.split(' ');
      const [first = 0, second = 0, third = 0] = rest.map(Number);
      if (kind === 'had') {
        assert.equal(second - first + 1, third, `a hole in ${line}`);
        had(bootOf(id), first, second);
      }
      if (kind === 'window') bootOf(id).windows.set(first, { last: second, before: third });
      if (kind === 'durable') bootOf(id).durable = first;
      if (kind === 'settled') settle();
      if (kind === 'lost') lost.push(line);
    },
  };
}

type Receiver = ReturnType<typeof openReceiver>;

/** Calls back with every whole line; what has no end was cut, too. */
function lines(take: (line: string) => void): (bytes: Buffer) => void {
  let rest = '';
  return (bytes) => {
    const all = (rest + bytes.toString()).split('\n');
    rest = all.pop() ?? '';
    all.forEach(take);
  };
}

interface Boots {
  readonly kernel: Kernel;
  readonly disk: string;
  readonly receiver: Receiver;
}

function boot(
  { kernel, disk, receiver }: Boots,
  mode: 'write' | 'read',
  onLine: (line: string) => void = () => undefined,
  signal = new AbortController().signal,
): Promise<GuestResult> {
  const work = `node test/power-writer.ts ${mode} /disk`;
  return runInGuest({
    ...{ kernel, disk, signal, timeoutMs },
    files: ['src', 'test/power-writer.ts', 'node_modules/zod', 'node_modules/yaml'],
    command: ['sh', '-c', `mkdir /disk && mount -t ext4 /dev/vda /disk && ${work} && umount /disk`],
    onOutput: lines((line) => {
      receiver.read(line);
      onLine(line);
    }),
  });
}

/** Boots, and cuts the power after so many lines of that kind. */
async function cutAfter(boots: Boots, kind: (typeof cuts)[number], chance: Prng): Promise<void> {
  const cut = new AbortController();
  const power = new Error('the power is cut');
  let left = kind === 'durable' ? 1 + chance.below(countMax) : 1;
  const delayMs = chance.below(delayMsMax);
  const onLine = (line: string) => {
    if (!line.startsWith(`${kind} `) && line !== kind) return;
    left--;
    if (left === 0) void systemClock.sleep(delayMs).then(() => cut.abort(power));
  };
  await assert.rejects(boot(boots, 'write', onLine, cut.signal), power);
}

function checkBoot(id: string, { had, windows, durable }: Boot): void {
  const numbers = [...windows.keys()].sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, i) => i + 1),
    `windows of ${id}`,
  );
  assert.ok(numbers.length >= durable, `${durable} were promised, ${numbers.length} came`);
  let end: number | undefined;
  for (const number of numbers) {
    const { last, before } = windows.get(number)!;
    const first = last - before;
    if (end !== undefined) assert.equal(first, end + 1, `before window ${number} of ${id}`);
    for (let sequence = first; sequence <= last; sequence++)
      assert.ok(had.has(sequence), `window ${number} of ${id} lacks ${last - sequence} before its end`);
    end = last;
  }
}

interface Line {
  readonly 'event.name': string;
  readonly 'boot.id': string;
  readonly 'record.sequence': number;
  readonly 'window.number': number;
}

/** The file beside the spool has each record once, in order, and as many windows as the receiver. */
function checkFile(text: string, { boots }: Receiver): void {
  const last = new Map<string, number>();
  const windows = new Map<string, number>();
  for (const each of text.trimEnd().split('\n')) {
    const line = JSON.parse(each) as Line;
    const id = line['boot.id'];
    assert.ok(line['record.sequence'] > (last.get(id) ?? 0), `twice, or out of order, in ${id}`);
    last.set(id, line['record.sequence']);
    if (line['event.name'] === 'sonde.window') windows.set(id, line['window.number']);
  }
  const told = [...boots].map(([id, of]) => [id, of.windows.size] as const);
  assert.deepEqual(windows, new Map(told.filter(([, count]) => count > 0)));
}

async function kernelOrSkip(t: TestContext): Promise<Kernel | undefined> {
  try {
    return await fetchKernel('6.1');
  } catch (error) {
    if (!(error instanceof KernelUnavailable)) throw error;
    t.skip(error.message);
    return undefined;
  }
}

test('what was promised outlives the power, whenever it is cut', async (t) => {
  const kernel = await kernelOrSkip(t);
  if (!kernel) return;
  const folder = mkdtempSync(join(tmpdir(), 'sonde-power-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const disk = join(folder, 'disk');
  await emptyDisk(disk, diskBytes);
  const seed = entropySeed();
  const chance = prng(seed);
  const receiver = openReceiver();
  const boots = { kernel, disk, receiver };
  for (const kind of cuts) await cutAfter(boots, kind, chance);
  const { exitCode, output } = await boot(boots, 'read');
  assert.equal(exitCode, 0, output);

  const promised = [...receiver.boots.values()].reduce((sum, { durable }) => sum + durable, 0);
  t.diagnostic(`seed ${seed}: ${cuts.length} cuts, ${promised} windows, ${receiver.again()} records again`);
  assert.ok(promised > 0);
  for (const [id, of] of receiver.boots) checkBoot(id, of);
  assert.equal(receiver.afterSettled(), 0, 'came again when they were settled');
  assert.deepEqual(receiver.lost, []);
  execFileSync('e2fsck', ['-f', '-n', disk], { stdio: 'pipe' });
  const file = join(folder, 'records.jsonl');
  execFileSync('debugfs', ['-R', `dump /records.jsonl ${file}`, disk], { stdio: 'pipe' });
  checkFile(readFileSync(file, 'utf8'), receiver);
});
