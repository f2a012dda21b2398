import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { BlockRefused, type StoreBlock } from '../../model/block.ts';
import { openPacking, type PlainRows } from '../../model/row/packing.ts';
import { startFeeding, type Feeding } from './feeding.ts';
import { Journal } from './journal.ts';
import { partingLimits } from './parting.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-parting-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const isBad = (value: unknown): boolean => value === 'bad';

/** Takes a part whole or not at all, as ClickHouse does with what it cannot parse. */
function fussyStore() {
  const stored: unknown[] = [];
  const met = new Map<string, string>();
  const state = { failures: 0 };
  return {
    stored,
    state,
    insert({ id, rows }: StoreBlock): Promise<void> {
      const values = Object.values(rows).flatMap((of) => [...of].map(([value]) => value));
      const text = JSON.stringify(values);
      assert.equal(met.get(id) ?? text, text, 'the same rows under an id, at every attempt');
      met.set(id, text);
      if (values.some(isBad)) return Promise.reject(new BlockRefused('no'));
      if (id.includes(':') && state.failures-- > 0) return Promise.reject(new Error('away'));
      stored.push(...values.filter((value) => !stored.includes(value)));
      return Promise.resolve();
    },
  };
}

const column = [{ name: 'value', type: 'String' }];
const packing = openPacking({ flows: column, windows: column });
const flows = (values: readonly unknown[]): PlainRows => ({ flows: values.map((value) => [String(value)]) });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

const feed = (journal: Journal, { insert }: Pick<ReturnType<typeof fussyStore>, 'insert'>): Feeding =>
  startFeeding({ journal, packing, folder, insert, clock: systemClock, log: silentLog, stopMsMax: 1000 });

async function withBlocks(blocks: readonly PlainRows[]): Promise<Journal> {
  {
    await using journal = await Journal.open({ folder, packing, log: silentLog });
    for (const rows of blocks) await journal.append({ rows: packing.packTables(rows), taken: new Map() });
  }
  return Journal.open({ folder, packing, log: silentLog });
}

function setAside(): unknown[] {
  const file = join(folder, 'refused.ndjson');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
}

test('rows that the store refuses are set aside; all others and what is behind them get there', async () => {
  const store = fussyStore();
  store.state.failures = 3;
  const mixed = {
    ...flows([...numbers(100), 'bad', ...numbers(40).map((n) => 100 + n)]),
    windows: [['bad']],
  };
  await using journal = await withBlocks([mixed, flows([500])]);
  await using feeding = feed(journal, store);
  await until(() => journal.pendingBlocks === 0);
  assert.deepEqual(
    store.stored.map(Number).sort((a, b) => a - b),
    [...numbers(140), 500],
  );
  const { records, examples } = feeding.refused();
  assert.equal(records, 2);
  assert.match(examples[0]?.reason ?? '', /^no$/);
  assert.deepEqual(
    setAside().map((line) => (({ table, row }) => ({ table, row }))(line as { table: string; row: unknown })),
    [
      { table: 'flows', row: ['bad'] },
      { table: 'windows', row: ['bad'] },
    ],
  );
});

for (const [name, blocks] of [
  ['of one block', [flows(numbers(partingLimits.refusedRowsMax + 1).map(() => 'bad'))]],
  ['in a row', [...numbers(partingLimits.refusedRowsMax + 1).map(() => flows(['bad']))]],
] as const) {
  test(`too many refused rows ${name} hold up the queue: that is no fault of the rows`, async () => {
    const store = fussyStore();
    await using journal = await withBlocks(blocks);
    await using feeding = feed(journal, store);
    await until(() => feeding.problem()?.includes('nothing is set aside') === true);
    assert.equal(journal.pendingBlocks, 1);
    assert.equal(setAside().length, blocks.length - 1);
  });
}

test('a block that the disk lost is passed over, and counted', async () => {
  const store = fussyStore();
  await using journal = await withBlocks([flows([1]), flows([2]), flows([3])]);
  const [file = ''] = readdirSync(folder);
  const bytes = readFileSync(join(folder, file));
  const second = journal.unstored[1];
  assert.ok(second);
  bytes.fill(0xff, second.offset + 30, second.offset + 34);
  writeFileSync(join(folder, file), bytes);
  await using feeding = feed(journal, store);
  await until(() => journal.pendingBlocks === 0);
  assert.deepEqual(store.stored, ['1', '3']);
  assert.equal(feeding.damagedBlocks(), 1);
});
