/** Two engines as the two shards of a cluster: the same migrations, the same sums. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEngines } from '../../../test/engines.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { parseHubConfig } from '../config.ts';
import { openDetecting } from '../detect/main.ts';
import type { QuestionSummary } from '../../question/contract.ts';
import { discoverQuestions, questionsFolder } from '../../question/discovery.ts';
import { openAsk } from '../ask/ask.ts';
import { rowOf } from './crash-trial.ts';
import { openStore, packing } from './store.ts';
import type { Store } from './store.ts';

const clock = systemClock;

async function ask(store: Store, query: string): Promise<unknown> {
  const answer = await store.admin.query({ query, format: 'JSONEachRow' });
  return (await answer.json())[0];
}

/** Every boolean the other way: ClickHouse does not look at what a switch leaves out. */
function switched({ params }: QuestionSummary): Record<string, string> {
  const booleans = params.filter(({ type }) => type === 'boolean');
  return Object.fromEntries(booleans.map((param) => [param.name, String(param.default !== true)]));
}

const expected = {
  number: 0,
  label: 'shop.yaml:1',
  ...{ environment: '%', workload: '%', process: '%', host: '%', namespace: '%' },
  targets: [{ label: 'shop.yaml:1', names: ['%.example'], networks: [], ports: [[443, 443]], transport: '' }],
};

/** Every question over both shards, at the coarser levels: its cases ask the finest (test/cluster-questions). */
async function answerEverything(store: Store): Promise<void> {
  const now = Date.parse('2026-03-01T10:00:30.000Z');
  const day = 86_400_000;
  const { questions } = discoverQuestions(questionsFolder());
  const answers = openAsk({
    client: store.ask,
    cancel: (queryId) => store.cancel(queryId),
    questions,
    retention: { flowsMs: 3 * day, flows1mMs: 30 * day },
    expectations: () => Promise.resolve({ digest: 'some', notes: [] }),
    clock: { ...clock, wallMs: () => now },
  });
  const { signal } = new AbortController();
  await answers.destinations({ query: { since: '20d' }, signal });
  for (const since of ['12h', '20d']) {
    for (const question of answers.questions()) {
      for (const params of [{}, switched(question)])
        await answers.answer(question.id, { query: { since, ...params }, signal });
    }
  }
}

test('a cluster of two shards', async () => {
  await using engines = await openEngines({ shards: 2 });
  await using store = await openStore(engines.placeOf(0));
  await using other = await openStore(engines.placeOf(1));

  const flows = Array.from({ length: 64 }, (_, number) =>
    rowOf(store, 'flows', {
      window_start: '2026-03-01T10:00:10.000Z',
      host_name: `web-${number}`,
      boot_id: 'boot',
      agent_instance: 'main',
      record_sequence: number,
      connections_opened: 2,
    }),
  );
  const block = { id: 'block', rows: packing.packTables({ flows }) };
  await store.insert({ ...block, fresh: true });
  await store.insert(block);
  for (const table of ['flows', 'flows_1m', 'flows_1h']) {
    const sum = `SELECT toUInt32(sum(connections_opened)) AS opened FROM ${table}`;
    for (const at of [store, other]) assert.deepEqual(await ask(at, sum), { opened: 128 }, table);
  }
  const local = 'SELECT toUInt32(count()) AS rows FROM flows_local';
  const shares = (await Promise.all([ask(store, local), ask(other, local)])) as { rows: number }[];
  assert.equal((shares[0]?.rows ?? 0) + (shares[1]?.rows ?? 0), 64);
  assert.ok(shares.every(({ rows }) => rows > 0));

  // What one shard lost, on whichever it is, comes back when the block is handed over again.
  await other.admin.command({ query: 'TRUNCATE TABLE flows_1m_local' });
  await other.admin.command({ query: 'TRUNCATE TABLE flows_local' });
  await store.insert(block);
  for (const table of ['flows', 'flows_1m', 'flows_1h']) {
    const sum = `SELECT toUInt32(sum(connections_opened)) AS opened FROM ${table}`;
    assert.deepEqual(await ask(store, sum), { opened: 128 }, table);
  }

  await store.note('expectations', [{ digest: 'some', ...expected }]);

  // Detectors of both hubs read both shards, and keep one state.
  const windows = [0, 1].map((number) =>
    rowOf(store, 'windows', {
      window_start: '2026-03-01T10:00:10.000Z',
      window_end: '2026-03-01T10:00:20.000Z',
      host_name: `web-${number}`,
      boot_id: 'boot',
      agent_instance: 'main',
      record_sequence: 100 + number,
    }),
  );
  await store.insert({ id: 'windows', rows: packing.packTables({ windows }) });
  const asked = { questions: discoverQuestions(questionsFolder()).questions, keptMs: () => 86_400_000 };
  const detectClock = { ...clock, wallMs: () => Date.parse('2026-03-01T10:30:00.000Z') };
  const detecting = (of: Store) => {
    const config = { ...parseHubConfig({}, 'the test').detect, enabled: false };
    const retention = { flowsMs: 86_400_000, flows1mMs: 86_400_000 };
    const ask = openAsk({ client: of.ask, cancel: (id) => of.cancel(id), ...asked, retention, clock });
    const expectations = () => Promise.resolve({ digest: 'some', notes: [] });
    const detecting = { ...asked, config, store: of, ask, expectations, clock: detectClock };
    return openDetecting({ ...detecting, log: silentLog });
  };
  await using here = await detecting(store);
  await using there = await detecting(other);
  await here.run();
  await there.run();
  const { detectors } = await there.summary();
  assert.deepEqual(detectors, (await here.summary()).detectors);
  const all = Object.values(detectors as Record<string, readonly { armedAt: string }[]>).flat();
  for (const { armedAt } of all) assert.match(armedAt, /^2026-03-0[12]T/);
  const kept = "SELECT toUInt32(count()) AS rows FROM detector_state_local WHERE key = ''";
  const heads = (await Promise.all([ask(store, kept), ask(other, kept)])) as { rows: number }[];
  assert.ok((heads[0]?.rows ?? 0) + (heads[1]?.rows ?? 0) >= all.length);

  await answerEverything(store);
});
