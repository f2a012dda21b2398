import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { discoverQuestions } from './discovery.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-questions-'));
after(() => rmSync(folder, { recursive: true }));

const manifest = {
  title: 'Sample',
  asks: 'What is it?',
  reads: ['flows'],
  params: [{ name: 'port', type: 'integer', default: 0, min: 0, max: 65_535, description: 'only this' }],
  columns: [{ name: 'n', type: 'count', title: 'N', description: 'how many' }],
};
const sql = [
  'SELECT count() AS n FROM {flows:Identifier}',
  'WHERE {from:DateTime64(3)} < {to:DateTime64(3)} AND {host:String} = {environment:String}',
  'AND {own:Bool} AND {port:UInt16} = 1 LIMIT {limit:UInt32}',
].join('\n');

/** YAML reads JSON. */
function write(id: string, files: Readonly<Record<string, unknown>>): void {
  mkdirSync(join(folder, id), { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(folder, id, file), text);
  }
}

function problemOf(files: Readonly<Record<string, unknown>>): string {
  write('broken', files);
  const { questions, problems } = discoverQuestions(folder);
  rmSync(join(folder, 'broken'), { recursive: true });
  assert.deepEqual(
    questions.map(({ id }) => id),
    ['sample'],
    'the others are there',
  );
  assert.equal(problems.length, 1);
  return problems[0]?.message ?? '';
}

write('sample', { 'manifest.yaml': manifest, 'ask.sql': sql });

test('a folder is a question, with what its manifest says', () => {
  const { questions, problems } = discoverQuestions(folder);
  assert.deepEqual(problems, []);
  const { reads, ...summary } = manifest;
  const rest = { signals: ['lifecycle'], sql, takesExpectations: false, detectors: [], news: undefined };
  const last = { order: Infinity };
  assert.deepEqual(questions, [
    { id: 'sample', summary: { id: 'sample', ...summary }, ...last, reads, ...rest },
  ]);
});

test('where there is no folder there are no questions', () => {
  assert.deepEqual(discoverQuestions(join(folder, 'none')), { questions: [], problems: [] });
});

describe('a broken folder is named with file and key, and the others stay', () => {
  const [param] = manifest.params;
  const with_ = (change: object) => ({ 'manifest.yaml': { ...manifest, ...change }, 'ask.sql': sql });
  const broken: readonly (readonly [files: Readonly<Record<string, unknown>>, problem: string])[] = [
    [{ 'ask.sql': sql }, 'manifest.yaml: is missing'],
    [{ 'manifest.yaml': manifest }, 'ask.sql: is missing'],
    [with_({ frob: 1 }), 'manifest.yaml: unknown key frob'],
    [with_({ asks: 'It is.' }), 'manifest.yaml: asks: must be a question'],
    [
      with_({ reads: ['nodes'] }),
      'manifest.yaml: reads.0: Invalid option: expected one of "flows"|"windows"|"connection_events"|"listeners"|"dns"',
    ],
    [
      with_({ columns: [{ ...manifest.columns[0], type: 'colour' }] }),
      'manifest.yaml: columns.0.type: Invalid option',
    ],
    [
      with_({ columns: [...manifest.columns, ...manifest.columns] }),
      'manifest.yaml: columns: has a name twice',
    ],
    [
      with_({ columns: [{ ...manifest.columns[0], name: 'answer' }] }),
      'manifest.yaml: columns.0.name: is what the last',
    ],
    [with_({ params: [{ ...param, default: 'x' }] }), 'manifest.yaml: params.0.default: Invalid input'],
    [
      with_({ params: [{ ...param, default: 70_000 }] }),
      'manifest.yaml: params.port.default: out of its bounds',
    ],
    [
      with_({ params: [{ ...param, name: 'since' }] }),
      'manifest.yaml: params.since: every question has that already',
    ],
    [
      with_({ params: [{ ...param, name: 'json' }] }),
      'manifest.yaml: params.json: every question has that already',
    ],
    [with_({ params: [] }), 'ask.sql: takes {port}, which the manifest does not have'],
    [with_({ params: [param, { ...param, name: 'size' }] }), 'ask.sql: never uses {size}'],
    [
      with_({ reads: ['windows'] }),
      'ask.sql: reads {flows:Identifier}, which the manifest does not name in reads',
    ],
    [{ 'manifest.yaml': manifest, 'ask.sql': `${sql}; DROP TABLE flows` }, 'ask.sql: must be one statement'],
    [{ 'manifest.yaml': manifest, 'ask.sql': sql.replace('{own:Bool}', '1') }, 'ask.sql: never uses {own}'],
    [
      { 'manifest.yaml': manifest, 'ask.sql': `${sql} {x:Identifier}` },
      'ask.sql: reads {x:Identifier}, which is no table',
    ],
    [{ 'manifest.yaml': 'title: [1', 'ask.sql': sql }, 'manifest.yaml: Flow sequence in block collection'],
  ];
  for (const [files, problem] of broken) {
    test(problem, () => {
      const said = problemOf(files);
      assert.ok(said.startsWith(`question broken: ${problem}`), said);
    });
  }

  test('a folder whose name would not do in a URL', () => {
    write('Not this', { 'manifest.yaml': manifest, 'ask.sql': sql });
    const { problems } = discoverQuestions(folder);
    rmSync(join(folder, 'Not this'), { recursive: true });
    assert.match(problems[0]?.message ?? '', /question Not this: \.: its folder must be named by/);
  });
});
