/** A question that was just made is sound: its cases come true on a real engine, and the house rules hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { discoverQuestions } from '../src/question/discovery.ts';
import { keepsBorders } from '../test/tidy/imports.ts';
import { filesAreSmall, leavesNothingForLater, linesAreShort, namesSayWhat } from '../test/tidy/text.ts';
import { readTree } from '../test/tidy/tree.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sonde-new-'));
after(() => {
  rmSync(folder, { recursive: true });
});

function run(...words: string[]) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const ran = spawnSync(process.execPath, words, {
    cwd: root,
    env: { ...env, SONDE_QUESTIONS: folder },
    encoding: 'utf8',
  });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

const make = (...words: string[]) => run('scripts/new.ts', ...words);

test('a fresh question is a sound one, with its title, and its cases come true', () => {
  const { code, stdout, stderr } = make('question', 'slow-starts');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /scripts\/test test\/questions.store.test.ts --name slow-starts\n$/);
  const { questions, problems } = discoverQuestions(folder);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    questions.map(({ id, summary }) => [id, summary.title]),
    [['slow-starts', 'Slow starts']],
  );
  const tree = readTree(folder).map((file) => ({ ...file, path: `questions/${file.path}` }));
  const rules = [namesSayWhat, filesAreSmall, linesAreShort, leavesNothingForLater, keepsBorders];
  assert.deepEqual(
    rules.flatMap((rule) => rule(tree)),
    [],
  );
  assert.ok(tree.length >= 5);
  assert.ok(tree.every(({ text }) => !/sample/i.test(text)));

  const cases = run('--test', '--test-reporter=tap', 'test/questions.store.test.ts');
  assert.equal(cases.code, 0, cases.stdout);
  assert.match(cases.stdout, /ok \d+ - fires-most-first: /);
  assert.match(cases.stdout, /ok \d+ - quiet-others: /);
});

test('a bad id, one that is taken, and anything else is one clear error', () => {
  const before = readdirSync(folder);
  const said = (...words: string[]) => {
    const { code, stdout, stderr } = make(...words);
    assert.deepEqual([code, stdout], [2, '']);
    return stderr;
  };
  const usage = 'scripts/new: say npm run new question ID\n';
  assert.equal(said(), usage);
  assert.equal(said('question'), usage);
  assert.equal(said('exporter', 'kafka'), usage);
  assert.equal(said('question', 'a', 'b'), usage);
  const words = 'scripts/new: the id of a question must be words of a-z and 0-9, joined by -; got';
  for (const id of ['Slow', '../up', 'a_b', 'a--b', 'a-', '1a'])
    assert.equal(said('question', id), `${words} ${id}\n`);
  assert.match(said('question', 'ab'), /must be 3 to 48 characters long; got ab\n$/);
  assert.match(said('question', 'slow-starts'), /slow-starts is there already; choose another id\n$/);
  assert.deepEqual(readdirSync(folder), before);
});
