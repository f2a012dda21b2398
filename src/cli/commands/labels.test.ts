import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { realRecords } from '../../../test/record-schemas.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { parseWords } from '../command.ts';
import { command } from './labels.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly said: readonly string[];
}

async function ran(...words: string[]): Promise<Ran> {
  const written: string[] = [];
  const said: string[] = [];
  const stdout = { write: (text: string) => void written.push(text), isTerminal: false, columns: 80 };
  const { signal } = new AbortController();
  const context = {
    ...(await parseWords(command, words)),
    stdout,
    say: (line: string) => said.push(line),
    signal,
    onHangup: () => undefined,
  };
  const code = await command.run(context);
  return { code, out: written.join(''), said };
}

async function told(...words: string[]): Promise<string> {
  const { code, out } = await ran(...words);
  assert.equal(code, 0);
  return out;
}

function configured(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-labels-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'agent.yaml');
  const rules = [
    '- { id: other, match: { process: nginx }, name: web }',
    '- { id: admin, match: { executable: "*", port: [9000, 9100-9199] }, name: admin }',
    '- { id: scripts, match: { executable: "*node*" }, name: scripts, labels: { tier: gold } }',
    '- { id: rest, match: { process: "*" }, owner: them }',
  ];
  writeFileSync(file, `ownership:\n  ${rules.join('\n  ')}\n`);
  return file;
}

const pid = String(process.pid);

describe('explain', () => {
  test('labels with where they are from, rules with what they say', async (t) => {
    const lines = await told('explain', pid, '--config', configured(t));
    assert.match(lines, new RegExp(`^process ${pid} in control group /`));
    assert.match(lines, /^ {2}process\.executable\.path +\/.*node.* +\(\/proc\/PID\/exe\)$/m);
    assert.match(lines, /^ {2}workload\.name +scripts +\(rule scripts\)$/m);
    assert.match(lines, /^ {2}labels +\{"tier":"gold"\} +\(rule scripts\)$/m);
    assert.match(lines, /^ {2}other +no: process is .+, none of nginx$/m);
    assert.match(lines, /^ {2}admin +gives them where it serves port 9000, 9100-9199$/m);
    assert.match(lines, /^ {2}scripts +gives its labels: the first that matches$/m);
    assert.match(lines, /^ {2}rest +not asked: one before it gives$/m);
  });

  test('for a port that it serves', async (t) => {
    const lines = await told('explain', pid, '--port', '9150', '--config', configured(t));
    assert.match(lines, /^ {2}workload\.name +admin +\(rule admin\)$/m);
  });

  test('as JSON; without a configuration there are no rules', async () => {
    const explained = JSON.parse(await told('explain', pid, '--json')) as { pid: number; rules: unknown[] };
    assert.deepEqual([explained.pid, explained.rules], [process.pid, []]);
    assert.match(await told('explain', pid), /^no rules$/m);
  });
});

describe('lint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-lint-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const [records, bad, good] = ['records.jsonl', 'bad.yaml', 'good.yaml'].map((name) => join(folder, name));
  assert.ok(records && bad && good);
  writeFileSync(
    records,
    realRecords()
      .map((record) => `${JSON.stringify(record)}\n`)
      .join(''),
  );
  writeFileSync(bad, 'environment: prod\nstandard: { values: { environment: [production] } }\n');
  writeFileSync(good, 'environment: lab\nstandard: { values: { environment: [lab] } }\n');

  test('a file: by the standard of a configuration, or the seven', async () => {
    assert.match((await ran('lint', '--file', records)).out, /: 12 records, all keep to the standard$/m);
    assert.equal((await ran('lint', '--file', records)).code, 0);
    const short = await ran('lint', '--file', records, '--config', bad);
    assert.equal(short.code, 1);
    assert.match(short.out, /^environment +not allowed +12 +2 +lab: /m);
    assert.equal((await ran('lint', '--file', records, '--config', good)).code, 0);
  });

  test('a configuration, for people and as JSON', async () => {
    assert.deepEqual((await ran('lint', '--config', good)).code, 0);
    const { code, out } = await ran('lint', '--config', bad, '--json');
    const finding = { where: 'environment', label: 'environment', rule: 'not_allowed', value: 'prod' };
    assert.deepEqual([code, JSON.parse(out)], [1, { findings: [finding] }]);
  });

  test('cannot look: no agent, no records', async (t) => {
    const run = process.env['SONDE_RUN'];
    process.env['SONDE_RUN'] = folder;
    t.after(() => {
      if (run === undefined) delete process.env['SONDE_RUN'];
      else process.env['SONDE_RUN'] = run;
    });
    const nobody = await ran('lint', '--instance', 'nobody');
    assert.equal(nobody.code, 2);
    assert.match(nobody.said.join(), /no agent of instance nobody answers/);
    const none = await ran('lint', '--file', good);
    assert.deepEqual([none.code, none.said], [2, [`sonde: ${good} has no records`]]);
  });
});

describe('refused', () => {
  for (const words of [
    [],
    ['lint', '42'],
    ['sort'],
    ['explain'],
    ['explain', 'x'],
    ['explain', '0'],
    ['explain', '99999999'],
  ])
    test(words.join(' ') || 'nothing', () =>
      assert.rejects(told(...words), (error) => isOperatorError(error) && error.code === 'usage.bad_value'),
    );
  for (const port of ['0', '65536', 'http'])
    test(`--port ${port}`, () =>
      assert.rejects(
        told('explain', pid, '--port', port),
        (error) => isOperatorError(error) && error.code === 'usage.bad_value',
      ));
});
