/** The ask stage on the real engine: levels, coverage, limits. Each test has an environment of its own. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dayMs, openAsker, type Asker } from '../../../test/asking.ts';
import { rowsOfRecords, type QuestionCase } from '../../../test/question-cases.ts';
import { isOperatorError } from '../../lib/errors.ts';
import type { Answer, Coverage } from '../../question/contract.ts';
import { questionsFolder } from '../../question/discovery.ts';
import type { Ask } from './ask.ts';
import { queryLimits } from './query.ts';

let asker: Asker;
let ask: Ask;
const { signal } = new AbortController();
const [minuteMs, hourMs] = [60_000, 3_600_000];

before(async () => {
  asker = await openAsker();
  ask = asker.openAsk(questionsFolder());
});
after(() => asker[Symbol.asyncDispose]());

type Records = QuestionCase['records'];

async function insert(environment: string, records: Records): Promise<void> {
  const { tables } = asker.store;
  await asker.insert(rowsOfRecords(records, { tables, given: { environment }, nowMs: asker.nowMs }));
}

function answer(id: string, query: Readonly<Record<string, string>>): Promise<Answer> {
  return ask.answer(id, { query, signal });
}

async function coverage(query: Readonly<Record<string, string>>): Promise<Coverage> {
  return (await answer('timeouts', query)).coverage;
}

/** Windows of 10 s without a gap, the first that long ago; the last of them ends `until` seconds ago. */
function windows(
  { from, until, host = 'web-1' }: { readonly from: number; readonly until: number; readonly host?: string },
  values: Readonly<Record<string, unknown>> = {},
): Records {
  return Array.from({ length: (from - until) / 10 }, (_, i) => ({
    window: { ago: `${from - 10 * i}s`, 'host.name': host, ...values },
  }));
}

describe('coverage', () => {
  test('all that could have come: everything is 1, and there is nothing to say', async () => {
    const counted = { 'coverage.seen': 5, 'coverage.kernel': 5, attributed: 4, attributable: 4 };
    await insert('full', windows({ from: 400, until: 10 }, counted));
    const { nodes, seconds, connections, attribution, smallest, notes } = await coverage({
      environment: 'full',
      since: '5m',
    });
    assert.deepEqual(nodes, { part: 1, of: 1, ratio: 1 });
    // Windows of 10 s, told within 5 s: the last 15 s cannot all have come.
    assert.deepEqual(seconds, { part: 285, of: 285, ratio: 1 });
    assert.deepEqual(connections, { part: 145, of: 145, ratio: 1 });
    assert.deepEqual(attribution, { part: 116, of: 116, ratio: 1 });
    assert.deepEqual([smallest, notes], [1, []]);
  });

  test('a node that fell silent is expected for a day, by name', async () => {
    await insert('silent', [
      ...windows({ from: 400, until: 10 }),
      ...windows({ from: 7200, until: 7100, host: 'db-2' }),
      ...windows({ from: 25 * 3600, until: 25 * 3600 - 100, host: 'long-gone' }),
    ]);
    const { nodes, seconds, smallest, notes } = await coverage({ environment: 'silent', since: '5m' });
    assert.deepEqual(nodes, { part: 1, of: 2, ratio: 0.5 });
    assert.deepEqual(seconds, { part: 285, of: 570, ratio: 0.5 });
    assert.equal(smallest, 0.5);
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /^1 of 2 nodes silent: db-2 last heard (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC$/);
  });

  test('a node that said goodbye before the range is not expected; within it, it is', async () => {
    await insert('goodbye', [
      ...windows({ from: 400, until: 10 }),
      ...windows({ from: 7200, until: 7100, host: 'db-2' }),
      { window: { ago: '7100s', 'host.name': 'db-2', 'window.last': true } },
    ]);
    const now = await coverage({ environment: 'goodbye', since: '5m' });
    assert.deepEqual(now.nodes, { part: 1, of: 1, ratio: 1 });
    const then = await coverage({ environment: 'goodbye', since: '3h' });
    assert.deepEqual(then.nodes, { part: 2, of: 2, ratio: 1 });
    assert.match(then.notes[0] ?? '', /^1 of 2 nodes stopped on purpose: db-2 last heard /);
  });

  test('nodes of one name are told apart by their environment', async () => {
    await insert('twin-a', windows({ from: 400, until: 10, host: 'twin' }));
    await insert('twin-b', windows({ from: 400, until: 10, host: 'twin' }, { 'coverage.unreachable': 2 }));
    const { nodes, notes } = await coverage({ host: 'twin', since: '5m' });
    assert.deepEqual(nodes, { part: 2, of: 2, ratio: 1 });
    const told = '2 network namespaces on twin in twin-b could not be compared with the kernel';
    assert.deepEqual(notes, [told]);
    assert.deepEqual((await coverage({ host: 'twin', since: '6h' })).notes.slice(-1), [told]);
  });

  test('half of the range: how long it has been watched', async () => {
    await insert('half', windows({ from: 300, until: 10 }));
    const { seconds, notes } = await coverage({ environment: 'half', since: '10m' });
    assert.deepEqual(seconds, { part: 285, of: 585, ratio: 285 / 585 });
    assert.deepEqual(notes, ['Sonde has been watching for 4.8 min of the 10 min asked']);
    const longer = async (since: string) => (await coverage({ environment: 'half', since })).notes;
    // What was asked, not what it was widened to.
    assert.deepEqual(await longer('602s'), ['Sonde has been watching for 4.8 min of the 10 min asked']);
    assert.match((await longer('5h'))[0] ?? '', / of the 5 h asked$/);
    // Its first hour, and its first minute, began before it did: that is no gap.
    assert.deepEqual(await longer('8h'), ['Sonde has been watching for 4.9 min of the 8 h asked']);
    assert.deepEqual(await longer('30d'), ['Sonde has been watching for 4.9 min of the 30 d asked']);
  });

  test('a gap, and a window across the border of the range', async () => {
    await insert('gap', [...windows({ from: 305, until: 205 }), ...windows({ from: 145, until: 15 })]);
    const { seconds, notes } = await coverage({ environment: 'gap', since: '5m' });
    assert.deepEqual([seconds.part, seconds.of], [225, 285]);
    assert.deepEqual(notes, ['windows are missing: 1 min of web-1']);
  });

  test('the environment and the host that were asked for, and no other', async () => {
    await insert('one', windows({ from: 400, until: 10 }, { 'coverage.kernel': 2, 'coverage.seen': 2 }));
    await insert('two', [
      ...windows({ from: 400, until: 10 }, { 'coverage.kernel': 2, 'coverage.seen': 1 }),
      ...windows({ from: 400, until: 10, host: 'web-2' }, { 'coverage.kernel': 2, 'coverage.seen': 2 }),
    ]);
    const connections = async (query: Readonly<Record<string, string>>) =>
      (await coverage({ since: '5m', ...query })).connections.ratio;
    assert.equal(await connections({ environment: 'one' }), 1);
    assert.equal(await connections({ environment: 'two' }), 0.75);
    assert.equal(await connections({ environment: 'two', host: 'web-1' }), 0.5);
    assert.equal(await connections({ environment: 'two', host: 'web-2' }), 1);
  });

  test('opens that were not seen, and why; namespaces that could not be compared', async () => {
    const short = { 'coverage.seen': 8, 'coverage.kernel': 10, lost: { 'ring.full': 3 } };
    const owners = { attribution: { exact: 1, unknown: 1 }, attributed: 1, attributable: 2 };
    const apart = { 'coverage.unreachable': 3, ...owners };
    await insert('unseen', [
      ...windows({ from: 60, until: 10 }, { ...short, ...apart }),
      // What one node counts beyond its kernel does not make good what another missed.
      ...windows({ from: 60, until: 10, host: 'web-2' }, { 'coverage.seen': 12, 'coverage.kernel': 10 }),
    ]);
    const asked = { environment: 'unseen', since: '1m' };
    const { connections, attribution, attributions, notes } = await coverage(asked);
    assert.deepEqual(connections, { part: 90, of: 100, ratio: 0.9 });
    assert.deepEqual(attribution, { part: 5, of: 10, ratio: 0.5 });
    assert.deepEqual(attributions, { unknown: 5, exact: 5 });
    assert.deepEqual(notes, [
      '10 opens on web-1 not seen: lost 15 ring.full',
      '3 network namespaces on web-1 could not be compared with the kernel',
      '5 connections without a known owner, on web-1',
    ]);
  });

  test('rows that a window tells of and that did not arrive', async () => {
    const told = { 'connections.opened': 4, 'connections.ended': 3 };
    const seen = { 'coverage.seen': 4, 'coverage.kernel': 4 };
    const counted = { ...told, ...seen, lost: { 'deliver.otlp.spool_damaged': 1 } };
    await insert('torn', [
      ...windows({ from: 60, until: 10 }, counted),
      ...windows({ from: 60, until: 10, host: 'web-2' }, counted),
      ...[60, 50, 40, 30, 20].flatMap((ago) =>
        (ago === 40 ? ['web-2'] : ['web-1', 'web-2']).map((host) => ({
          flow: { ago: `${ago}s`, 'host.name': host, 'connection.state': 'closed', ...told },
        })),
      ),
    ]);
    for (const since of ['1m', '6h', '24h', '30d']) {
      const { connections, notes } = await coverage({ environment: 'torn', since });
      assert.deepEqual(connections, { part: 36, of: 40, ratio: 0.9 }, since);
      const why = ['24h', '30d'].includes(since) ? '' : ': lost 5 deliver.otlp.spool_damaged';
      assert.ok(notes.includes(`4 opens and 3 ends that web-1 saw did not arrive${why}`), notes.join('\n'));
      assert.ok(!notes.some((note) => note.includes('web-2 saw')), notes.join('\n'));
    }
  });

  test('where nothing was ever heard, nothing is claimed', async () => {
    const { nodes, smallest, notes } = await coverage({ environment: 'nobody' });
    assert.deepEqual([nodes, smallest], [{ part: 0, of: 0, ratio: null }, null]);
    const heard = 'was heard in this range or in the day before it: ask without that to see which were';
    assert.deepEqual(notes, [`no node of environment nobody ${heard}`]);
    const both = await coverage({ host: 'web-9', environment: 'nobody' });
    assert.deepEqual(both.notes, [`no node of host web-9 in environment nobody ${heard}`]);
  });

  test('from rollups: the same shares, and goodbyes', async () => {
    await insert('rollup', [
      ...windows({ from: 7 * 3600, until: 0 }, { 'coverage.seen': 3, 'coverage.kernel': 4 }),
      ...windows({ from: 20 * 3600, until: 20 * 3600 - 60, host: 'db-2' }),
      ...windows({ from: 20 * 3600, until: 20 * 3600 - 60, host: 'db-3' }),
      { window: { ago: '71900s', 'host.name': 'db-3', 'window.last': true } },
    ]);
    const { nodes, seconds, ...others } = await coverage({ environment: 'rollup', since: '7h' });
    assert.deepEqual(nodes, { part: 1, of: 2, ratio: 0.5 });
    assert.deepEqual([seconds.part, seconds.of], [7 * 3600 - 5, 2 * (7 * 3600 - 5)]);
    assert.deepEqual([others.connections.ratio, others.attributions], [0.75, undefined]);
  });
});

describe('levels', () => {
  test('each gives the same sums, which are those of the windows', async () => {
    const flows = Array.from({ length: 40 }, (_, i) => ({
      flow: {
        ago: `${i * 313}s`,
        'host.name': 'web-1',
        'process.name': `p${i % 3}`,
        'connection.state': i % 4 === 0 ? 'timed_out' : 'closed',
        'connections.opened': i,
        'connections.ended': 2 * i,
        'bytes.sent': 1000 + i,
        'latency.histogram': { [2 ** (i % 8)]: 1 },
      },
    }));
    await insert('levels', flows);
    const from = new Date(Math.floor(asker.nowMs / hourMs) * hourMs - 4 * hourMs).toISOString();
    const sums = async (kept: { readonly flowsMs: number; readonly flows1mMs: number }) => {
      const query = { environment: 'levels', from, to: new Date(asker.nowMs + minuteMs).toISOString() };
      const folder = questionsFolder();
      const { rows } = await asker
        .openAsk(folder, { retention: kept })
        .answer('connections', { query, signal });
      const total = (name: string) => rows.reduce((sum, row) => sum + Number(row[name]), 0);
      const bars = rows.flatMap((row) => row['over_time'] as readonly number[]);
      const p99s = rows.map((row) => row['latency.p99_ms']);
      return {
        opened: total('connections.opened'),
        ended: total('connections.ended'),
        sent: total('bytes.sent'),
        overTime: bars.reduce((sum, bar) => sum + bar, 0),
        p99s,
      };
    };
    const raw = await sums({ flowsMs: dayMs, flows1mMs: dayMs });
    assert.deepEqual(
      { ...raw, p99s: [] },
      { opened: 780, ended: 1560, sent: 40_780, overTime: 1560, p99s: [] },
    );
    assert.deepEqual(await sums({ flowsMs: 0, flows1mMs: dayMs }), raw);
    assert.deepEqual(await sums({ flowsMs: 0, flows1mMs: 0 }), raw);
  });

  test('what is open now is open now at each', async () => {
    // A machine of the same name elsewhere is another node.
    await insert('open-elsewhere', [{ window: { ago: '10s', 'host.name': 'web-1' } }]);
    await insert('open-now', [
      { window: { ago: '20s', 'host.name': 'web-1' } },
      { flow: { ago: '20s', 'host.name': 'web-1', 'connection.state': 'open', 'connections.open': 7 } },
    ]);
    for (const since of ['1h', '2d', '8d']) {
      const { rows, to } = await answer('connections', { environment: 'open-now', since });
      assert.deepEqual([rows.length, rows[0]?.['connections.open_now']], [1, 7], `${since}, to ${to}`);
    }
  });

  test('the answer says which range it is about: whole grains of its level', async () => {
    const [from, to] = [asker.nowMs - 8 * hourMs + 1234, asker.nowMs - 30_500];
    const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { from: start, to: end, bucketMs } = await answer('timeouts', query);
    assert.equal(Date.parse(start), asker.nowMs - 8 * hourMs);
    assert.equal(Date.parse(end), asker.nowMs);
    assert.equal(bucketMs, 10 * minuteMs);
  });
});

describe('limits', () => {
  test('one row more than the limit is not shown, and said', async () => {
    const flows = Array.from({ length: 5 }, (_, i) => ({
      flow: { ago: '5m', 'process.name': `p${i}`, 'connection.state': 'closed', 'connections.ended': 1 },
    }));
    await insert('limit', flows);
    const rows = async (limit: string) => {
      const given = await answer('connections', { environment: 'limit', limit });
      return [given.rows.length, given.truncated];
    };
    assert.deepEqual(await rows('4'), [4, true]);
    assert.deepEqual(await rows('5'), [5, false]);
  });

  test('every parameter that is wrong is named, with what is allowed', async () => {
    const refused: readonly (readonly [query: Record<string, string>, says: RegExp])[] = [
      [{ port: '70000' }, /port must be a whole number between 0 and 65535; got 70000/],
      [
        { destination: '10.0.0' },
        /destination must be an address or a network such as 10.0.0.0\/8; got 10.0.0/,
      ],
      [{ direction: 'up' }, /direction must be one of egress, ingress, any; got up/],
      [{ own: 'maybe' }, /own must be true or false; got maybe/],
      [{ since: '10' }, /since must be a duration such as 15m; got 10/],
      [{ since: '10s' }, /since must make a range of 1m to 400d/],
      [{ since: '401d' }, /since must make a range of 1m to 400d/],
      [{ to: '2026-01-01T00:00:00Z' }, /to needs from/],
      [{ from: 'yesterday' }, /from must be a time such as/],
      [{ from: '2199-01-01T00:00:00Z', to: '2199-01-02T00:00:00Z' }, /to is in the future/],
      [{ limit: '0' }, /limit must be a whole number between 1 and 10000; got 0/],
      [{ constructor: 'x' }, /constructor is no parameter; there are since, from, to, host, environment,/],
      [
        { frob: 'x' },
        /frob is no parameter; there are since, from, to, host, environment, own, limit, process,/,
      ],
    ];
    for (const [query, says] of refused) await assert.rejects(answer('timeouts', query), says);
    await assert.rejects(answer('frob', {}), /there is no question frob/);
  });

  test('text of a parameter is never SQL', async () => {
    for (const process of ["' OR 1=1 --", '\\', "a\\'b", '{from:String}', '%', '\n\t']) {
      assert.deepEqual((await answer('connections', { process, environment: 'limit' })).rows, []);
    }
  });
});

describe('a question that is too much', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-questions-'));
  after(() => rmSync(folder, { recursive: true }));

  /** Reads until it is stopped. */
  function write(sql: string): void {
    mkdirSync(join(folder, 'endless'), { recursive: true });
    const manifest = [
      'title: Endless',
      'asks: Does it end?',
      'reads: [flows]',
      'columns: [{ name: n, type: count, title: N, description: how many }]',
    ];
    writeFileSync(join(folder, 'endless/manifest.yaml'), `${manifest.join('\n')}\n`);
    writeFileSync(join(folder, 'endless/ask.sql'), sql);
  }
  const scope =
    '{from:DateTime64(3)} <= {to:DateTime64(3)} AND {host:String} = {environment:String} AND NOT {own:Bool}';

  /** How long the longest query has been running that somebody asked; 0 when there is none. */
  async function runningS(): Promise<number> {
    const query = "SELECT max(elapsed) AS s FROM system.processes WHERE user = 'ask'";
    const result = await asker.store.admin.query({ query, format: 'JSONEachRow' });
    return Number((await result.json<{ s: number }>())[0]?.s);
  }

  test('is cancelled in the store when whoever asked has gone', async () => {
    const many = '(SELECT arrayJoin(range(200000)) AS number)';
    write(
      `SELECT count() AS n FROM ${many} AS a, ${many} AS b ` +
        `WHERE ${scope} AND cityHash64(a.number, b.number) != {limit:UInt32}`,
    );
    const gone = new AbortController();
    const asked = asker.openAsk(folder).answer('endless', { query: {}, signal: gone.signal });
    let early: unknown;
    asked.then(
      (answered) => (early = answered),
      (error: unknown) => (early = error),
    );
    while ((await runningS()) < 0.2 && early === undefined)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(early, undefined);
    gone.abort(new Error('gone'));
    await assert.rejects(asked, /gone/);
    // Left alone it would go on until the limit of time.
    for (let s = 1; s > 0; s = await runningS()) {
      assert.ok(s < queryLimits.executionSMax - 5, `it still runs after ${s} s`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('is refused by its result, and says which limit', async () => {
    write(
      `SELECT number AS n FROM (SELECT arrayJoin(range(300000)) AS number) ` +
        `WHERE ${scope} AND {limit:UInt32} > 0`,
    );
    const asked = asker.openAsk(folder).answer('endless', { query: {}, signal });
    await assert.rejects(
      asked,
      (error) =>
        isOperatorError(error) &&
        error.code === 'question.too_large' &&
        error.message.includes('200000 rows'),
    );
  });

  test('may not write, and may not read elsewhere', async () => {
    for (const from of [
      "url('http://127.0.0.1:1/', 'CSV', 'n UInt64')",
      "file('x.csv', 'CSV', 'n UInt64')",
    ]) {
      write(`SELECT n FROM ${from} WHERE ${scope} AND {limit:UInt32} > 0`);
      await assert.rejects(
        asker.openAsk(folder).answer('endless', { query: {}, signal }),
        /ACCESS_DENIED|privileges/,
      );
    }
    write(`INSERT INTO flows (host_name) SELECT 'x' AS n WHERE ${scope} AND {limit:UInt32} > 0`);
    await assert.rejects(
      asker.openAsk(folder).answer('endless', { query: {}, signal }),
      /privileges|readonly|ACCESS_DENIED/,
    );
  });
});
