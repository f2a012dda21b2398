/** The contract of every folder in questions/: what must be in it, and that its cases come true. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Cell } from '../src/question/contract.ts';
import { discoverQuestions, questionsFolder } from '../src/question/discovery.ts';
import { openAsker, type Asker } from './asking.ts';
import { readCases, rowsOfRecords } from './question-cases.ts';

const folder = questionsFolder();
const { questions, problems } = discoverQuestions(folder);
const { signal } = new AbortController();

let asker: Asker;

before(async () => {
  asker = await openAsker();
});
after(() => asker[Symbol.asyncDispose]());

test('no folder is broken, and there are some', () => {
  assert.deepEqual(problems, []);
  assert.deepEqual(
    questions.map(({ id }) => id),
    readdirSync(folder).sort(),
  );
  assert.ok(questions.length > 0);
});

/** Of an answered row only what the case speaks of; floats to nine digits. */
function spokenOf(row: Readonly<Record<string, Cell>>, expected: Readonly<Record<string, unknown>>): unknown {
  const cells = Object.keys(expected).map((name) => {
    const value = row[name];
    return [name, typeof value === 'number' ? Number(value.toPrecision(9)) : value];
  });
  return Object.fromEntries(cells);
}

const requiredLabels = [
  'host.name',
  'process.name',
  'destination.ip',
  'destination.port',
  'connection.state',
  'latency_ms',
  'environment',
];

for (const { id, summary } of questions) {
  describe(`question ${id}`, () => {
    const cases = readCases(join(folder, id, 'cases'));

    test('has a case that fires and one that stays quiet, and says so by its name', () => {
      const kinds = cases.map(({ name }) => name.split('-')[0]);
      assert.deepEqual([...new Set(kinds)].sort(), ['fires', 'quiet']);
    });

    test('its README says how to read it, what to do next, and what it cannot see', () => {
      const readme = readFileSync(join(folder, id, 'README.md'), 'utf8');
      for (const heading of ['How to read it', 'What to do next', 'What it cannot see']) {
        assert.match(readme, new RegExp(`^## ${heading}$`, 'm'));
      }
    });

    test('its rows carry the required labels', () => {
      const names = summary.columns.map(({ name }) => name);
      assert.deepEqual(
        requiredLabels.filter((label) => !names.includes(label)),
        [],
      );
    });

    for (const { name, what, ask: query, expectations, given, records, rows } of cases) {
      test(`${name}: ${what}`, async () => {
        // Each case has an environment of its own, so that they share one store.
        const environment = `${id}/${name}`;
        const { tables } = asker.store;
        await asker.insert(
          rowsOfRecords(records, { tables, given: { ...given, environment }, nowMs: asker.nowMs }),
        );
        const ask = asker.openAsk(folder, { expectations: () => asker.expect({ expectations }) });
        const answer = await ask.answer(id, { query: { ...query, environment }, signal });
        assert.deepEqual(
          answer.rows.map((row, i) => spokenOf(row, rows[i] ?? {})),
          rows,
          JSON.stringify(answer.rows, null, 1),
        );
      });
    }
  });
}
