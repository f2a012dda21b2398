import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { openPacking, type PlainRows } from '../../model/row/packing.ts';
import { decodeEntry, encodeEntry, entryKinds } from './entry.ts';
import { Journal, type JournalBlock, type JournalOptions } from './journal.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (options: Partial<JournalOptions> = {}): Promise<Journal> =>
  Journal.open({ folder, packing, log: silentLog, ...options });

const packing = openPacking({
  flows: [
    { name: 'record_sequence', type: 'UInt64' },
    { name: 'said', type: 'String' },
    { name: 'appended', type: 'UInt16' },
  ],
});
const rowsOf = (sequence: number): PlainRows => ({ flows: [[sequence, 'text '.repeat(sequence), 7]] });
const blockOf = (sequence: number) => ({
  rows: packing.packTables(rowsOf(sequence)),
  taken: new Map([['a', [sequence, sequence]]]),
});

async function read(journal: Journal, block: JournalBlock): Promise<PlainRows> {
  const tables = Object.entries(await journal.read(block));
  return Object.fromEntries(tables.map(([table, rows]) => [table, [...rows]]));
}

/** The sequences that the ledger has, of those up to 20. */
function taken({ ledger }: Journal): number[] {
  return Array.from({ length: 20 }, (_, n) => n + 1).filter((n) => ledger.look('a', n) === 'taken');
}

test('gives back what was not stored, in order, under the same ids', async () => {
  const ids: string[] = [];
  {
    await using journal = await open();
    for (const n of [1, 2, 3]) ids.push(journal.idOf(await journal.append(blockOf(n))));
    assert.equal(new Set(ids).size, 3);
    const [first] = [await journal.append(blockOf(4))];
    assert.deepEqual(await read(journal, first), rowsOf(4));
  }
  await using journal = await open();
  assert.deepEqual(taken(journal), [1, 2, 3, 4]);
  assert.equal(journal.unstored.length, 4);
  assert.deepEqual(
    journal.unstored.slice(0, 3).map((block) => journal.idOf(block)),
    ids,
  );
  for (const [index, block] of journal.unstored.entries())
    assert.deepEqual(await read(journal, block), rowsOf(index + 1));
  assert.ok(journal.pendingBytes > 0);
  for (const block of journal.unstored) await journal.stored(block);
  assert.equal(journal.pendingBytes, 0);
});

test('what is stored is not given back, and goes on being known; numbers are not used twice', async () => {
  const ids = new Set<string>();
  for (let run = 0; run < 4; run++) {
    await using journal = await open({ segmentBytesMax: 200 });
    assert.deepEqual(journal.unstored, []);
    assert.equal(taken(journal).length, 3 * run);
    for (const n of [1, 2, 3]) {
      const block = await journal.append(blockOf(3 * run + n));
      ids.add(journal.idOf(block));
      await journal.stored(block);
    }
  }
  assert.equal(ids.size, 12);
  assert.ok(readdirSync(folder).length <= 2, 'old segments are gone');
});

test('segments stay as long as the store lacks one of their blocks', async () => {
  await using journal = await open({ segmentBytesMax: 100 });
  const blocks = [];
  for (let n = 1; n <= 10; n++) blocks.push(await journal.append(blockOf(n)));
  const all = readdirSync(folder).length;
  assert.ok(all > 3);
  for (const block of blocks) await journal.stored(block);
  assert.equal(readdirSync(folder).length, 1);
});

test('cut at every byte: what was whole is there, in order, and the journal goes on', async () => {
  const ends: number[] = [];
  const file = join(folder, '0000000001.log');
  {
    await using journal = await open();
    for (let n = 1; n <= 3; n++) {
      const { offset, bytes } = await journal.append(blockOf(n));
      ends.push(offset + bytes);
    }
  }
  const whole = readFileSync(file);
  for (let length = 0; length <= whole.length; length++) {
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    writeFileSync(file, whole.subarray(0, length));
    const expected = ends.filter((end) => end <= length).map((_, index) => index + 1);
    {
      await using journal = await open();
      assert.deepEqual(taken(journal), expected, `cut at ${length}`);
      assert.deepEqual(
        await Promise.all(journal.unstored.map((b) => read(journal, b))),
        expected.map(rowsOf),
      );
      await journal.append(blockOf(9));
    }
    await using again = await open();
    assert.deepEqual(taken(again), [...expected, 9], `cut at ${length}, and written on`);
    assert.equal(again.unstored.length, expected.length + 1);
  }
});

test('damage in an old segment is cut out and told; the ledger is whole', async () => {
  {
    await using journal = await open({ segmentBytesMax: 100 });
    for (let n = 1; n <= 6; n++) await journal.append(blockOf(n));
  }
  const [, second = ''] = readdirSync(folder).sort();
  const bytes = readFileSync(join(folder, second));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0xff;
  writeFileSync(join(folder, second), bytes);
  const warnings: string[] = [];
  await using journal = await open({ log: { info: () => undefined, warn: (line) => warnings.push(line) } });
  assert.deepEqual(taken(journal), [1, 2, 3, 4, 5, 6]);
  assert.equal(journal.unstored.length, 5);
  assert.equal(journal.damagedBlocks, 1);
  assert.match(warnings.join('\n'), new RegExp(`${second}: \\d+ bytes after \\d+ are no whole entry`));
});

test('damage in the middle of a segment takes one block, not those behind it', async () => {
  const file = join(folder, '0000000001.log');
  const offsets: number[] = [];
  {
    await using journal = await open();
    for (let n = 1; n <= 4; n++) offsets.push((await journal.append(blockOf(n))).offset);
  }
  const [, second = 0] = offsets;
  writeFileSync(file, readFileSync(file).fill(0xff, second + 16, second + 20)); // its length, of all things
  for (const next of [5, 6]) {
    await using journal = await open();
    assert.ok(!taken(journal).includes(2));
    const sequences = [1, 3, 4, 5].filter((n) => n < next);
    assert.deepEqual(
      await Promise.all(journal.unstored.map((block) => read(journal, block))),
      sequences.map(rowsOf),
    );
    assert.equal(journal.damagedBlocks, 1);
    assert.equal((await journal.append(blockOf(next))).number, next);
  }
});

test('a segment without its checkpoint is read, and not written on', async () => {
  const file = join(folder, '0000000001.log');
  {
    await using journal = await open();
    for (let n = 1; n <= 3; n++) await journal.stored(await journal.append(blockOf(n)));
    await journal.append(blockOf(4));
  }
  writeFileSync(file, readFileSync(file).fill(0xff, 0, 4));
  const ids = new Set<string>();
  for (const next of [5, 6]) {
    await using journal = await open();
    const [fourth] = journal.unstored;
    assert.ok(fourth);
    assert.deepEqual(await read(journal, fourth), rowsOf(4));
    ids.add(journal.idOf(fourth));
    assert.equal((await journal.append(blockOf(next))).number, next);
    assert.equal(journal.damagedBlocks, 0);
  }
  assert.equal(ids.size, 1, 'its id is kept from then on');
});

test('a start reads what was taken, and leaves the rows alone', async () => {
  {
    await using journal = await open();
    const { number, offset } = await journal.append(blockOf(1));
    // Under a good checksum: rows that nothing can read.
    const file = join(folder, '0000000001.log');
    const entry = decodeEntry(readFileSync(file), offset);
    assert.ok(entry);
    const payload = Buffer.from(entry.payload).fill(0, entry.payload.length - 20);
    const spoilt = encodeEntry({ kind: entryKinds.block, number, payload });
    writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, offset), spoilt]));
  }
  await using journal = await open();
  assert.deepEqual(taken(journal), [1]);
  const [block] = journal.unstored;
  assert.ok(block);
  await assert.rejects(journal.read(block), { name: 'DamagedEntry' });
});

test('a block of an earlier version: rows as text, and fewer columns', async () => {
  const file = join(folder, '0000000001.log');
  {
    await using journal = await open();
    await journal.append(blockOf(1));
  }
  const taken = Buffer.from(JSON.stringify([['a', [2, 3]]]));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(taken.length);
  const rows: PlainRows = {
    flows: [
      [2, 'né'],
      [3, ''],
    ],
  };
  const payload = Buffer.concat([length, taken, zstdCompressSync(JSON.stringify(rows))]);
  appendFileSync(file, encodeEntry({ kind: entryKinds.textBlock, number: 2, payload }));
  await using journal = await open();
  const [first, second] = journal.unstored;
  assert.ok(first && second);
  assert.deepEqual([await read(journal, first), await read(journal, second)], [rowsOf(1), rows]);
  assert.equal((await journal.read(second)).flows?.columns, 2);
  assert.equal(journal.ledger.look('a', 3), 'taken');
  assert.equal((await journal.append(blockOf(4))).number, 3);
});

test('one hub per folder', async () => {
  {
    await using first = await open();
    assert.deepEqual(first.unstored, []);
    await assert.rejects(open(), (error) => isOperatorError(error) && error.code === 'hub.already_running');
  }
  await using second = await open();
  assert.deepEqual(second.unstored, []);
});
