/**
 * A trial for tests: blocks with known sums go into the store while its ClickHouse is killed again and again,
 * and the hub forgets what it was doing now and then. At the end every table is compared with what was sent.
 */
import assert from 'node:assert/strict';
import type { Clock } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import { blockTables, type PackedRows, type Row } from '../../model/block.ts';
import type { StoreBlock, TableName } from '../../model/block.ts';
import { packing, type Store } from './store.ts';

interface Victim {
  pid(): number | undefined;
  ready(): boolean;
}

export interface TrialOptions {
  /** Those of one store. */
  readonly engines: readonly Victim[];
  readonly openStore: () => Promise<Store>;
  readonly prng: Prng;
  readonly clock: Clock;
  readonly killsMin: number;
}

const limits = { readyMsMax: 120_000, pollMs: 20, rowsMax: 3000, attemptsMax: 500 } as const;

/** A day's end: some blocks then have rows in two partitions, of which a kill can leave one. */
const startMs = Date.parse('2026-03-01T22:00:00.000Z');
const spanMs = 4 * 3_600_000;

const summedBy = {
  flows: [
    'connections_opened',
    'connections_ended',
    'bytes_sent',
    'bytes_received',
    'segments_sent',
    'app_unread_bytes',
  ],
  dns: ['dns_lookups', 'dns_attempts'],
} as const;
const summed = Object.values(summedBy).flat();

/** Column sums and row counts, by table. */
type Totals = Map<string, bigint>;

function add(totals: Totals, key: string, value: number): void {
  totals.set(key, (totals.get(key) ?? 0n) + BigInt(value));
}

export function rowOf(store: Store, table: TableName, values: Readonly<Record<string, unknown>>): Row {
  return store.tables[table].map((column) => values[column] ?? null);
}

function makeBlock(store: Store, { prng, number }: { prng: Prng; number: number }): StoreBlock {
  const blockMs = startMs + prng.below(spanMs);
  const values = (sequence: number) => {
    const time = new Date(blockMs + prng.below(20_000)).toISOString();
    return {
      time,
      window_start: time,
      window_end: time,
      host_name: `node-${prng.below(3)}`,
      agent_instance: 'main',
      boot_id: 'boot',
      record_sequence: number * 10_000 + sequence,
      process_name: `process-${prng.below(20)}`,
      destination_ip: `10.0.0.${prng.below(50)}`,
      connections_opened: prng.below(100),
      connections_ended: prng.below(100),
      bytes_sent: prng.below(1e6),
      bytes_received: prng.below(1e6),
      segments_sent: prng.below(1e6),
      app_unread_bytes: prng.below(1e6),
      latency_histogram: { [1000 * (1 + prng.below(5))]: 1 + prng.below(9) },
      window_ms: 10_000,
      dns_question_name: `name-${prng.below(50)}`,
      dns_lookups: prng.below(100),
      dns_attempts: prng.below(100),
    };
  };
  let sequence = 0;
  const rows = (table: TableName, count: number): Row[] =>
    Array.from({ length: count }, () => rowOf(store, table, values(sequence++)));
  return {
    id: `trial-${number}`,
    rows: packing.packTables({
      flows: rows('flows', 1 + prng.below(limits.rowsMax)),
      connection_events: rows('connection_events', prng.below(200)),
      dns: rows('dns', prng.below(500)),
      windows: rows('windows', 1 + prng.below(5)),
      listeners: rows('listeners', prng.below(20)),
    }),
  };
}

function count(totals: Totals, store: Store, { rows }: StoreBlock): void {
  for (const [table, list] of Object.entries(rows) as [TableName, PackedRows][]) {
    const columns = store.tables[table];
    add(totals, `${table}.rows`, list.length);
    for (const row of list) {
      for (const column of summed) {
        const at = columns.indexOf(column);
        if (at >= 0) add(totals, `${table}.${column}`, Number(row[at]));
      }
      const histogram = row[columns.indexOf('latency_histogram')] as Record<string, number> | undefined;
      for (const times of Object.values(histogram ?? {})) add(totals, `${table}.latencies`, times);
    }
  }
}

async function until(condition: () => boolean, clock: Clock): Promise<void> {
  const endMs = clock.bootMs() + limits.readyMsMax;
  while (!condition()) {
    assert.ok(clock.bootMs() < endMs, 'the engine does not come back');
    await clock.sleep(limits.pollMs);
  }
}

async function sumsOf(store: Store, query: string): Promise<Record<string, string>> {
  const answer = await store.admin.query({ query, format: 'JSONEachRow' });
  return (await answer.json<Record<string, string>>())[0] ?? {};
}

async function compare(store: Store, totals: Totals): Promise<void> {
  const total = (key: string): string => String(totals.get(key) ?? 0n);
  const sums = (columns: readonly string[]): string =>
    columns.map((column) => `toString(sum(${column})) AS ${column}`).join(', ');
  for (const table of ['flows', 'dns'] as const) {
    const columns = summedBy[table];
    const histogram = 'toString(arraySum(mapValues(sumMap(latency_histogram)))) AS latencies';
    for (const level of [table, `${table}_1m`, `${table}_1h`]) {
      const stored = await sumsOf(store, `SELECT ${sums(columns)}, ${histogram} FROM ${level}`);
      const sent = Object.fromEntries(
        [...columns, 'latencies'].map((column) => [column, total(`${table}.${column}`)]),
      );
      assert.deepEqual(stored, sent, level);
    }
  }
  for (const level of ['windows', 'windows_1m', 'windows_1h']) {
    const ofWindows = ['connections_opened', 'connections_ended'];
    const rows = level === 'windows' ? 'count()' : 'sum(windows)';
    const stored = await sumsOf(store, `SELECT ${sums(ofWindows)}, toString(${rows}) AS rows FROM ${level}`);
    const sent = Object.fromEntries(
      [...ofWindows, 'rows'].map((column) => [column, total(`windows.${column}`)]),
    );
    assert.deepEqual(stored, sent, level);
  }
  for (const table of blockTables) {
    const stored = await sumsOf(store, `SELECT toString(count()) AS rows FROM ${table}`);
    assert.deepEqual(stored, { rows: total(`${table}.rows`) }, table);
  }
}

export interface TrialResult {
  readonly blocks: number;
  readonly kills: number;
  /** Kills that an insert did not survive. */
  readonly interrupted: number;
  readonly forgotten: number;
}

export async function crashTrial(options: TrialOptions): Promise<TrialResult> {
  const { engines, prng, clock, killsMin } = options;
  const areReady = (): boolean => engines.every((engine) => engine.ready());
  const totals: Totals = new Map();
  let store = await options.openStore();
  let [blocks, kills, interrupted, forgotten, insertMs] = [0, 0, 0, 0, 50];

  async function put(block: StoreBlock): Promise<void> {
    const beginMs = clock.bootMs();
    // Twice as long as an insert takes, so that about half of the kills meet one.
    const killer = clock.sleep(prng.below(insertMs * 2)).then(() => {
      const engine = engines[engines.length === 1 ? 0 : prng.below(engines.length)];
      const pid = engine?.pid();
      if (pid !== undefined && engine?.ready() === true) process.kill(pid, 'SIGKILL');
      kills++;
    });
    const failed = await store.insert({ ...block, fresh: true }).then(
      () => false,
      () => true,
    );
    if (!failed) insertMs = Math.max(10, clock.bootMs() - beginMs);
    await killer;
    for (let attempt = 0, stored = !failed; !stored; attempt++) {
      assert.ok(attempt < limits.attemptsMax, 'a block is never stored');
      if (attempt === 0) interrupted++;
      // The engine's end is noticed a moment after connections are refused.
      await clock.sleep(limits.pollMs);
      await until(areReady, clock);
      stored = await again(block).then(
        () => true,
        () => false,
      );
    }
  }

  /** Sometimes as a hub that was started anew. */
  async function again(block: StoreBlock): Promise<void> {
    if (prng.below(3) === 0) {
      const next = await options.openStore();
      await store[Symbol.asyncDispose]();
      store = next;
      forgotten++;
    }
    await store.insert(block);
  }

  while (kills < killsMin) {
    await until(areReady, clock);
    const block = makeBlock(store, { prng, number: blocks++ });
    count(totals, store, block);
    await put(block);
  }
  // Not as the engine's supervision has it: that may not have noticed the last kill yet.
  while (!(await store.ready().catch(() => false))) await clock.sleep(limits.pollMs);
  await compare(store, totals);
  await store[Symbol.asyncDispose]();
  return { blocks, kills, interrupted, forgotten };
}
