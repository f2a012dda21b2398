/** The room that the store may take, on a real engine: what goes, what stays, and what does not come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayMs, openAsker } from '../../../test/asking.ts';
import { systemClock } from '../../lib/clock.ts';
import { logTo } from '../../lib/log.ts';
import { prng } from '../../lib/prng.ts';
import type { Amount } from '../../lib/schema.ts';
import type { Row, TableName } from '../../model/block.ts';
import { questionsFolder } from '../../question/discovery.ts';
import { rowOf } from './crash-trial.ts';
import { openDisk } from './disk.ts';
import { openDropped } from './dropped.ts';
import { packing, type Store } from './store.ts';

const daysStored = 4;
const rowsOfDay = 1000;
const { signal } = new AbortController();

type StoredRow = Readonly<Record<string, unknown>>;

async function rowsOf(store: Store, query: string): Promise<readonly StoredRow[]> {
  const answer = await store.admin.query({ query, format: 'JSONEachRow' });
  return await answer.json<StoredRow>();
}

/** Connections by day: what each level says of them. */
async function opened(store: Store, table: string): Promise<Record<string, number>> {
  const query = `SELECT toString(toDate(window_start)) AS day, toUInt32(sum(connections_opened)) AS opened
    FROM ${table} GROUP BY day ORDER BY day`;
  return Object.fromEntries(
    (await rowsOf(store, query)).map((row) => [String(row['day']), Number(row['opened'])]),
  );
}

test('over its limit the store drops the oldest of the finest level, and it stays dropped', async () => {
  await using asker = await openAsker();
  const { store, place } = asker;
  const random = prng(7);
  const today = Math.floor(asker.nowMs / dayMs) * dayMs;
  const dayOf = (ago: number): string => new Date(today - ago * dayMs).toISOString().slice(0, 10);
  const of = (table: TableName, ago: number, number: number): Row => {
    // Not of the future: today may be minutes old.
    const time = new Date(ago === 0 ? today : today - ago * dayMs + 36e5 + (number % 60) * 60_000);
    return rowOf(store, table, {
      time: time.toISOString(),
      window_start: time.toISOString(),
      window_end: new Date(time.getTime() + 10_000).toISOString(),
      window_ms: 10_000,
      host_name: 'web-1',
      boot_id: 'boot',
      agent_instance: 'main',
      record_sequence: ago * 100_000 + number,
      process_name: `process-${random.below(1000)}`,
      process_executable_path: `/usr/bin/${random.below(2 ** 31)}`,
      destination_ip: `10.0.${random.below(255)}.${random.below(255)}`,
      network_transport: 'tcp',
      connections_opened: 1,
    });
  };
  const blocks = Array.from({ length: daysStored }, (_, ago) => ({
    id: `day-${ago}`,
    rows: packing.packTables({
      flows: Array.from({ length: rowsOfDay }, (_, number) => of('flows', ago, number)),
      connection_events: [of('connection_events', ago, rowsOfDay)],
      windows: [of('windows', ago, rowsOfDay + 1)],
    }),
  }));
  for (const block of blocks) await store.insert({ ...block, fresh: true });
  const whole = Object.fromEntries([3, 2, 1, 0].map((ago) => [dayOf(ago), rowsOfDay]));
  assert.deepEqual(await opened(store, 'flows'), whole);
  const hours = await opened(store, 'flows_1h');

  let said: string[] = [];
  const clock = { ...systemClock, wallMs: () => asker.nowMs };
  const options = { place, store, clock, log: logTo((line) => void said.push(line)) };
  const look = async (bytes: number, free?: Amount) => {
    await using disk = openDisk({ ...options, max: { bytes }, free });
    await disk.look();
    return disk.status();
  };

  const roomy = await look(1e12);
  assert.equal(roomy.problem, null);
  assert.deepEqual(said, []);
  const status = await look((roomy.usedBytes ?? 0) - 1);
  assert.ok((status.usedBytes ?? Infinity) <= (status.maxBytes ?? 0));
  assert.equal(status.droppedUntil.flows, `${dayOf(2)}T00:00:00.000Z`);
  assert.equal(status.droppedUntil.minutes, null);
  assert.equal(said.length, 1);
  assert.match(said.join(), /its tables take .* and may take .*: dropped flows of before \d{4}-/);

  const { [dayOf(3)]: _, ...left } = whole;
  assert.deepEqual(await opened(store, 'flows'), left);
  assert.deepEqual(await opened(store, 'flows_1m'), whole);
  const [events] = await rowsOf(store, 'SELECT toUInt32(count()) AS rows FROM connection_events');
  assert.deepEqual(events, { rows: 3 });

  // The same blocks once more, as of a journal that is replayed: by this hub and by one that starts anew.
  for (const block of blocks) await store.insert(block);
  assert.equal(store.dropped.leftOutRows(), rowsOfDay + 2);
  await using again = await asker.again();
  for (const block of blocks) await again.insert(block);
  assert.equal(again.dropped.untilMs('flows'), today - 2 * dayMs);
  assert.deepEqual(await opened(store, 'flows'), left);
  assert.deepEqual(await opened(store, 'flows_1m'), whole);
  assert.deepEqual(await opened(store, 'flows_1h'), hours);

  // A level that is left answers, and the answer says so.
  const ask = asker.openAsk(questionsFolder(), {
    retention: {
      flowsMs: 30 * dayMs,
      flows1mMs: 30 * dayMs,
      droppedUntilMs: (level) => store.dropped.untilMs(level),
    },
  });
  const range = (ago: number) => ({ from: `${dayOf(ago)}T00:30:00Z`, to: `${dayOf(ago)}T03:00:00Z` });
  const notesOf = async (ago: number) =>
    (await ask.answer('connections', { query: range(ago), signal })).coverage.notes.join('\n');
  assert.match(await notesOf(3), /answered by the minute: what is finer of before .* is not kept/);
  assert.doesNotMatch(await notesOf(2), /is not kept/);

  // As little as possible: of each level the newest stays, and that it is too much is said.
  said = [];
  const least = await look(1);
  assert.deepEqual(await opened(store, 'flows'), { [dayOf(0)]: rowsOfDay });
  assert.deepEqual(await opened(store, 'flows_1m'), { [dayOf(0)]: rowsOfDay });
  assert.match(least.problem ?? '', /only the newest of each level is left/);
  assert.match(said.at(-1) ?? '', /warning: store: its tables take .* and may take 1 B, and only the newest/);
  assert.match((await look(1e12, { share: 1 })).problem ?? '', /are free, and .* are to be, and only the/);
  for (const block of blocks) await store.insert(block);
  assert.deepEqual(await opened(store, 'flows'), { [dayOf(0)]: rowsOfDay });
  assert.deepEqual(await opened(store, 'flows_1m'), { [dayOf(0)]: rowsOfDay });
  assert.match(await notesOf(3), /answered by the hour|nothing of before/);
  const known = await openDropped(store.admin);
  assert.equal(known.untilMs('minutes'), today);
});
