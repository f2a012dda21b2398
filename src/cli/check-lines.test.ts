import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { finding, type Report } from '../agent/check/report.ts';
import { checkLines, wrap } from './check-lines.ts';
import { painter } from './trace-lines.ts';

const report: Report = {
  verdict: 'degraded',
  summary: 'This node can be rolled out, with less than everything (in part: timeouts).',
  findings: [
    finding('release', { result: 'ok', detail: '6.1.0 on x64' }),
    finding('pidNamespace', { result: 'degraded', detail: 'another', whatToDo: 'run it in the host\u2019s' }),
    finding('tracepoints', { result: 'note', detail: '6 hooks, 3 programs of others' }),
  ],
  signals: [
    {
      signal: 'lifecycle',
      result: 'degraded',
      tells: 'connections',
      from: 'failures',
      reasons: [{ because: 'pid namespace', detail: 'another' }],
    },
    {
      signal: 'retransmits',
      result: 'missing',
      tells: 'loss',
      from: 'full',
      reasons: [{ detail: 'refused \u001b[2J', whatToDo: 'boot another' }],
    },
  ],
  questions: [
    {
      question: 'timeouts',
      result: 'degraded',
      asks: 'Who times out?',
      reasons: [{ because: 'pid namespace', detail: 'another' }],
    },
    {
      question: 'losses',
      result: 'not',
      asks: 'Who loses?',
      reasons: [{ because: 'retransmits', detail: 'refused', whatToDo: 'boot another' }],
    },
  ],
  neighbours: [
    {
      program: 7,
      name: 'tcpstates',
      type: 'tracing',
      user: 0,
      hook: 'inet_sock_set_state',
      heldBy: ['tcpstates[9]'],
      isSonde: false,
    },
    ...[8, 9].map((program) => ({
      program,
      name: 'x',
      type: 'tracing',
      user: 0,
      hook: 'y',
      heldBy: ['agent[4]'],
      isSonde: true,
    })),
  ],
};

const plain = (columns: number): string[] => checkLines(report, { columns, paint: painter(false) });

test('sections, one line per fact, what to do under it, the sentence that decides last', () => {
  assert.deepEqual(plain(140), [
    'kernel  what the kernel can do, by trying',
    '  ok          release             6.1.0 on x64',
    '',
    'privileges  what this process may do',
    '  degraded    pid namespace       another',
    '                                  → run it in the host\u2019s',
    '',
    'neighbours  who else has programs in this kernel',
    '  note        tracepoints         6 hooks, 3 programs of others',
    "  note        Sonde               2 of them are an agent's of Sonde, held by agent[4]",
    '  note        program 7           tcpstates on inet_sock_set_state (tracing), loaded by user 0, held by tcpstates[9]',
    '',
    'signals  what the kernel says to their programs',
    '  degraded    lifecycle           connections',
    '                                  less because of: pid namespace',
    '  missing     retransmits         loss; from profile full on',
    '                                  refused \\x1b[2J',
    '                                  → boot another',
    '',
    'questions  whether this node can tell its part',
    '  degraded    timeouts            Who times out?',
    '                                  less because of: pid namespace',
    '  not         losses              Who loses?',
    '                                  needs: retransmits',
    '',
    'This node can be rolled out, with less than everything (in part: timeouts).',
  ]);
});

describe('narrow terminals', () => {
  test('no line is longer, and nothing is cut off', () => {
    const lines = plain(60);
    assert.deepEqual(
      lines.filter((line) => Array.from(line).length > 60),
      [],
    );
    const words = (of: readonly string[]): string[] =>
      of
        .join(' ')
        .split(/\s+/)
        .filter((word) => word !== '');
    assert.deepEqual(words(lines), words(plain(140)));
  });

  test('a word that is too long has a line of its own', () =>
    assert.deepEqual(wrap('a verylongword b', 6), ['a', 'verylongword', 'b']));
});

test('colours only for a terminal', () => {
  const coloured = checkLines(report, { columns: 140, paint: painter(true) }).join('\n');
  assert.match(coloured, /\u001b\[33mdegraded/);
  assert.doesNotMatch(plain(140).join('\n'), /\u001b/);
});
