import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeLogs, endMs, flow, plainWire, windowEnd, type FlatRecord } from '../../../test/otlp.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import type { StoreBlock } from '../../model/block.ts';
import { packing, tables } from '../store/store.ts';
import { openIntake, type Intake, type IntakeLimits, type IntakeOptions } from './intake.ts';
import type { Receipt } from './receiver.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-intake-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const limits: IntakeLimits = {
  inflatedBytesMax: 1 << 20,
  heldBytesMax: 1 << 20,
  journalBytesMax: 1 << 20,
  stopMsMax: 10_000,
  blocks: { rowsMax: 1000, bytesMax: 1 << 20, waitMsMin: 5, waitMsMax: 10 },
};
/** The records' day; time goes on as it does. */
const clock: Clock = { ...systemClock, wallMs: () => endMs + 1000 };

const open = (options: Partial<IntakeOptions> = {}): Promise<Intake> =>
  openIntake({ folder, packing, insert: () => Promise.resolve(), limits, clock, log: silentLog, ...options });

function take(intake: Intake, records: readonly FlatRecord[]): Promise<Receipt> {
  const body = encodeLogs(records, plainWire);
  return intake.take({ body, encoding: 'protobuf', compression: undefined });
}

const sequenceAt = tables.flows.indexOf('record_sequence');

/** A store that keeps what it gets, by block, and can be away. */
function memoryStore() {
  const blocks = new Map<string, string>();
  const met = new Set<string>();
  const state = { isAway: false, fresh: 0 };
  return {
    state,
    insert: (block: StoreBlock): Promise<void> => {
      const isFirst = !met.has(block.id);
      assert.ok(isFirst || block.fresh !== true, 'only what no store can have met is called fresh');
      met.add(block.id);
      if (state.isAway) return Promise.reject(new Error('away'));
      if (block.fresh) state.fresh++;
      const tables = Object.entries(block.rows);
      const rows = JSON.stringify(Object.fromEntries(tables.map(([table, of]) => [table, [...of]])));
      assert.equal(blocks.get(block.id) ?? rows, rows, 'a block is replayed unchanged');
      blocks.set(block.id, rows);
      return Promise.resolve();
    },
    /** Of the flows, sorted. */
    sequences: (): number[] =>
      [...blocks.values()]
        .flatMap((rows) => (JSON.parse(rows) as { flows?: unknown[][] }).flows ?? [])
        .map((row) => Number(row[sequenceAt]))
        .sort((a, b) => a - b),
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => assert.fail('taken'),
    (reason: unknown) => reason,
  );
  assert.ok(isOperatorError(error), String(error));
  return error.code;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test('what is taken is stored once, however it is batched, ordered and repeated', async () => {
  const store = memoryStore();
  await using intake = await open({ insert: store.insert });
  const all = Array.from({ length: 60 }, (_, n) => flow(n + 1));
  const batches = [all.slice(0, 20), all.slice(40), all.slice(10, 50), all.slice(0, 60), [...all].reverse()];
  const receipts = await Promise.all(batches.map((batch) => take(intake, batch)));
  assert.deepEqual(
    receipts.map(({ stored, duplicates, rejected }) => stored + duplicates + rejected),
    batches.map((batch) => batch.length),
  );
  assert.equal(
    receipts.reduce((sum, { stored }) => sum + stored, 0),
    60,
  );
  await until(() => store.sequences().length === 60);
  assert.equal(new Set(store.sequences()).size, 60);
  assert.ok(store.state.fresh > 0);
  const { records, nodes } = intake.status();
  assert.deepEqual(records, { stored: 60, duplicates: 140, rejected: 0 });
  assert.deepEqual(
    nodes.map((node) => [node['host.name'], node['agent.instance'], node.records]),
    [['n1', 'main', 60]],
  );
});

test('another boot, and another instance, are other records', async () => {
  await using intake = await open();
  const records = [
    flow(1),
    flow(1, { 'boot.id': 'b-2' }),
    flow(1, { 'agent.instance': 'two' }),
    windowEnd(1, { 'agent.instance': 'three' }),
  ];
  assert.equal((await take(intake, records)).stored, 4);
});

test('a bad record is rejected alone, and named', async () => {
  await using intake = await open();
  const bad = [flow(2, { 'destination.port': 70_000 }), flow(3, { 'event.name': 'sonde.none' })];
  const receipt = await take(intake, [flow(1), ...bad, flow(4)]);
  assert.deepEqual(receipt, {
    stored: 2,
    duplicates: 0,
    rejected: 2,
    message:
      '2 records rejected (bounds 1, unknown_event 1); the first: sonde.flow: destination.port is 70000, ' +
      'not a whole number from 0 to 65535',
  });
  const status = intake.status();
  assert.deepEqual(status.rejected, { bounds: 1, unknown_event: 1 });
  assert.deepEqual(status.unknownEvents, { 'sonde.none': 1 });
  assert.match(status.examples[0]?.message ?? '', /sonde\.none/);
  assert.equal((await take(intake, [flow(2)])).stored, 1, 'mended, it is taken');
});

test('examples and names are bounded', async () => {
  await using intake = await open();
  const strangers = Array.from({ length: 300 }, (_, n) => flow(n, { 'event.name': `x${n}` }));
  await take(intake, strangers);
  const { examples, unknownEvents } = intake.status();
  assert.equal(examples.length, 10);
  assert.equal(Object.keys(unknownEvents).length, 101);
  assert.equal(unknownEvents['(others)'], 200);
});

describe('while the store is away', () => {
  test('records are taken; they are stored when it is back', async () => {
    const store = memoryStore();
    store.state.isAway = true;
    await using intake = await open({ insert: store.insert });
    for (let n = 1; n <= 5; n++) await take(intake, [flow(n)]);
    await until(() => intake.status().journal.storeProblem === 'away');
    assert.equal(intake.status().journal.pendingBlocks, 5);
    store.state.isAway = false;
    await until(() => intake.status().journal.pendingBlocks === 0);
    assert.deepEqual(store.sequences(), [1, 2, 3, 4, 5]);
    assert.equal(intake.status().journal.storeProblem, null);
  });

  test('they survive a stop; the next run stores them and knows them', async () => {
    const store = memoryStore();
    store.state.isAway = true;
    {
      await using intake = await open({ insert: store.insert, limits: { ...limits, stopMsMax: 20 } });
      await take(intake, [flow(1), flow(2)]);
    }
    store.state.isAway = false;
    await using intake = await open({ insert: store.insert });
    assert.deepEqual(await take(intake, [flow(2), flow(3)]), {
      stored: 1,
      duplicates: 1,
      rejected: 0,
      message: '',
    });
    await until(() => store.sequences().length === 3);
    assert.deepEqual(store.sequences(), [1, 2, 3]);
  });

  test('above the mark nothing is taken, and nothing is dropped', async () => {
    const store = memoryStore();
    store.state.isAway = true;
    const low = { ...limits, journalBytesMax: 2000 };
    await using intake = await open({ insert: store.insert, limits: low });
    let taken = 0;
    let refusal: unknown;
    while (refusal === undefined && taken < 1000) {
      await take(intake, [flow(taken + 1)]).then(
        () => taken++,
        (error: unknown) => (refusal = error),
      );
    }
    assert.ok(isOperatorError(refusal) && refusal.code === 'hub.busy' && taken > 0, String(refusal));
    assert.equal(refusal.parameters['retryAfterS'], 5);
    store.state.isAway = false;
    await until(() => intake.status().journal.pendingBlocks === 0);
    await take(intake, [flow(taken + 1)]);
    await until(() => store.sequences().length === taken + 1);
  });
});

test('requests that are on their way are bounded', async () => {
  const body = encodeLogs([flow(1)], plainWire);
  const small = {
    ...limits,
    heldBytesMax: body.length * 1.5,
    blocks: { rowsMax: 1000, bytesMax: 1 << 20, waitMsMin: 200, waitMsMax: 200 },
  };
  await using intake = await open({ limits: small });
  const [first, second] = [take(intake, [flow(1)]), take(intake, [flow(2)])];
  assert.equal(await codeOf(second), 'hub.busy');
  assert.equal((await first).stored, 1);
  assert.equal((await take(intake, [flow(2)])).stored, 1);
});

test('what is made of a request is bounded, however small the request is', async () => {
  const text = { 'host.name': 'n'.repeat(200) };
  const many = Array.from({ length: 40 }, (_, n) => flow(n + 1, text));
  const small = {
    ...limits,
    blocks: { rowsMax: 1000, bytesMax: 26_000, waitMsMin: 200, waitMsMax: 200 },
  };
  await using intake = await open({ limits: small });
  assert.equal(await codeOf(take(intake, many)), 'request.too_large');
  assert.equal(intake.status().requests.malformed, 1);
  const [first, second] = [take(intake, many.slice(0, 25)), take(intake, many.slice(25))];
  assert.equal(await codeOf(second), 'hub.busy', 'only the block is full');
  assert.equal((await first).stored, 25);
  assert.equal((await take(intake, many.slice(25))).stored, 15);
});

test('while the store is busy a block waits for more; once it is idle, not any longer', async () => {
  const held = Promise.withResolvers<undefined>();
  const sizes: number[] = [];
  const insert = ({ rows }: StoreBlock): Promise<undefined> => {
    sizes.push(rows.flows?.length ?? 0);
    return held.promise;
  };
  const patient = { rowsMax: 1000, bytesMax: 1 << 20, waitMsMin: 5, waitMsMax: 600_000 };
  await using intake = await open({ insert, limits: { ...limits, blocks: patient } });
  await take(intake, [flow(1)]);
  const later = Promise.all([take(intake, [flow(2)]), sleep(50).then(() => take(intake, [flow(3)]))]);
  await sleep(100);
  assert.equal(intake.status().journal.pendingBlocks, 1);
  held.resolve(undefined);
  await later;
  await until(() => intake.status().journal.pendingBlocks === 0);
  assert.deepEqual(sizes, [1, 2]);
});

test('a malformed request is refused whole, counted and shown', async () => {
  await using intake = await open();
  const request = { body: Buffer.from([1, 2, 3]), encoding: 'protobuf' as const, compression: undefined };
  assert.equal(await codeOf(intake.take(request)), 'request.malformed');
  const { requests, examples } = intake.status();
  assert.deepEqual(requests, { taken: 0, malformed: 1, refused: 0 });
  assert.equal(examples[0]?.reason, 'malformed');
});
