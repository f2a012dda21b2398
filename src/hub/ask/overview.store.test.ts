/** The overview on the real engine. Each test has an environment of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openAsker, type Asker } from '../../../test/asking.ts';
import { rowsOfRecords } from '../../../test/question-cases.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { questionsFolder } from '../../question/discovery.ts';
import type { Overview } from '../../question/overview.ts';

const { signal } = new AbortController();
let asker: Asker;

before(async () => {
  asker = await openAsker();
});
after(() => asker[Symbol.asyncDispose]());

interface Told {
  readonly flows: readonly Readonly<Record<string, unknown>>[];
  readonly windows: readonly Readonly<Record<string, unknown>>[];
}

async function tell(environment: string, { flows, windows }: Told): Promise<void> {
  const records = [...flows.map((flow) => ({ flow })), ...windows.map((window) => ({ window }))];
  const given = { environment, 'host.name': 'a', direction: 'egress' };
  const { tables } = asker.store;
  await asker.insert(rowsOfRecords(records, { tables, given, nowMs: asker.nowMs }));
}

function overview(query: Readonly<Record<string, string>>): Promise<Overview> {
  return asker.openAsk(questionsFolder()).overview({ query, signal });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

const closed = { 'connection.state': 'closed', 'connections.opened': 3, 'connections.ended': 3 };
const refused = { 'connection.state': 'refused', 'connections.opened': 2, 'connections.ended': 2 };
const timedOut = { 'connection.state': 'timed_out', 'connections.opened': 4, 'connections.ended': 4 };

describe('the overview', () => {
  test('counts by the minute what was opened, and what came to nothing, most first', async () => {
    await tell('minutes', {
      flows: [
        { ago: '50m', ...closed },
        { ago: '10m', ...closed },
        { ago: '10m', ...refused },
        { ago: '9m', ...timedOut },
        { ago: '9m', 'connection.state': 'open', 'connections.opened': 1 },
        { ago: '2h', ...refused },
      ],
      windows: [{ ago: '50m' }, { ago: '10m' }, { ago: '9m' }],
    });
    const { opened, failed, bucketMs, from, coverage } = await overview({ environment: 'minutes' });
    assert.doesNotMatch(coverage.notes.join('\n'), /kept/, 'nothing was dropped');
    assert.equal(bucketMs, 60_000);
    assert.equal(Date.parse(from), asker.nowMs - 3_600_000);
    assert.equal(opened.length, 60);
    assert.equal(sum(opened), 13);
    assert.deepEqual([opened[10], opened[50], opened[51]], [3, 5, 5]);
    assert.deepEqual(
      failed.map(({ state, connections }) => [state, connections]),
      [
        ['timed_out', 4],
        ['refused', 2],
      ],
    );
    assert.equal(failed[0]?.byBucket[51], 4);
  });

  test('rests on nodes: one that fell silent is told, one whose rows did not arrive is', async () => {
    await tell('silent', {
      flows: [{ ago: '40m', 'host.name': 'here', ...closed }],
      windows: [
        { ago: '2h', 'host.name': 'gone' },
        { ago: '40m', 'host.name': 'here', 'connections.opened': 5, 'connections.ended': 3 },
      ],
    });
    const { coverage } = await overview({ environment: 'silent' });
    assert.deepEqual([coverage.nodes.part, coverage.nodes.of], [1, 2]);
    assert.match(coverage.notes.join('\n'), /of 2 nodes silent: gone last heard/);
    assert.match(coverage.notes.join('\n'), /2 opens and 0 ends that here saw did not arrive/);
  });

  test('is of one host where it is asked so, and without Sonde’s own unless it is', async () => {
    await tell('scope', {
      flows: [
        { ago: '5m', ...closed },
        { ago: '5m', 'host.name': 'b', ...refused },
        { ago: '5m', 'workload.name': 'sonde', ...timedOut },
      ],
      windows: [{ ago: '5m' }],
    });
    const of = async (query: Readonly<Record<string, string>>): Promise<number> =>
      sum((await overview({ environment: 'scope', since: '15m', ...query })).opened);
    assert.equal(await of({}), 5);
    assert.equal(await of({ host: 'b' }), 2);
    assert.equal(await of({ own: 'true' }), 9);
  });

  test('of a long range is by hours, and says no more buckets than a chart has room for', async () => {
    const { bucketMs, opened } = await overview({ environment: 'scope', since: '20d' });
    assert.equal(bucketMs % 3_600_000, 0);
    assert.ok(opened.length <= 62);
    assert.equal(sum(opened), 5);
  });

  test('refuses a range that is none', async () => {
    await assert.rejects(
      overview({ since: 'yesterday' }),
      (error: unknown) => isOperatorError(error) && error.message.includes('since must be a duration'),
    );
  });
});
