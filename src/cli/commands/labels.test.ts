import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { isOperatorError } from '../../lib/errors.ts';
import { parseWords } from '../command.ts';
import { command } from './labels.ts';

async function told(...words: string[]): Promise<string> {
  const written: string[] = [];
  const stdout = { write: (text: string) => void written.push(text), isTerminal: false, columns: 80 };
  const { signal } = new AbortController();
  const context = { ...(await parseWords(command, words)), stdout, say: () => undefined, signal };
  assert.equal(await command.run(context), 0);
  return written.join('');
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

describe('refused', () => {
  for (const words of [
    [],
    ['lint'],
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
