import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { formatWhatToDo, isOperatorError } from '../lib/errors.ts';
import { discoverQuestions, questionsFolder, signalsNeeded } from './discovery.ts';
import { parseSignals } from './manifest.ts';

test('of every question as its whole manifest says, also where that is written in braces', () => {
  const { questions } = discoverQuestions(questionsFolder());
  assert.ok(questions.length > 0);
  for (const { id, signals } of questions) {
    const text = readFileSync(join(questionsFolder(), id, 'manifest.yaml'), 'utf8');
    assert.deepEqual(parseSignals(text), signals, id);
    assert.deepEqual(parseSignals(JSON.stringify({ asks: 'signals: no?', signals })), signals, id);
  }
});

test('however it is written in lines; without them the default; what is none is not read', () => {
  const with_ = (signals: string): string => `title: A\n${signals}params:\n  - name: signals\n`;
  assert.deepEqual(parseSignals(with_('signals: [dns, udp]\n')), ['dns', 'udp']);
  assert.deepEqual(parseSignals(with_('signals:\n  - dns # of names\n\n# and\n  - udp\n')), ['dns', 'udp']);
  assert.deepEqual(parseSignals(with_('signals:\n- dns\n- udp\n')), ['dns', 'udp']);
  assert.deepEqual(parseSignals(with_('')), ['lifecycle']);
  assert.equal(parseSignals(with_('signals: [smells]\n')), undefined);
  assert.equal(parseSignals(with_('signals: [dns\n')), undefined);
});

function folderWith(t: TestContext, manifests: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-signals-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const [id, text] of Object.entries(manifests)) {
    mkdirSync(join(folder, id));
    writeFileSync(join(folder, id, 'manifest.yaml'), text);
  }
  return folder;
}

test('all of them, or those that are asked for; one that is not there is an error', (t) => {
  const folder = folderWith(t, { a: 'signals: [dns]\n', b: 'signals: [udp, dns]\n', c: 'signals: [x]\n' });
  assert.deepEqual([...signalsNeeded(folder)].sort(), ['dns', 'udp']);
  assert.deepEqual([...signalsNeeded(folder, ['a'])], ['dns']);
  assert.throws(
    () => signalsNeeded(folder, ['a', 'c']),
    (error) => isOperatorError(error) && formatWhatToDo(error) === 'ask one of these: a, b',
  );
});
