import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../question/finding.ts';
import { findingLines } from './finding-lines.ts';

const finding: Finding = {
  finds: 'storms',
  id: 'a1',
  question: 'storms',
  title: 'checkout\x1b[2J keeps failing',
  severity: 'critical',
  labels: { 'process.name': 'checkout' },
  state: 'open',
  startedAt: '2026-01-05T10:00:00.000Z',
  lastAt: '2026-01-05T10:05:00.000Z',
  closedAt: null,
  statistic: 0.98765,
  baseline: 12,
  threshold: 0.5,
  windowMs: 30_000,
  facts: { attempts: 90, established: 0 },
  evidence: { query: { from: '2026-01-05T09:55:00.000Z', process: "it's $HOME" }, rows: [] },
  nextStep: 'look at it',
  technique: 'T1046',
  muted: '',
};

test('a finding is what was found, how sure that is, and what to do next', () => {
  const paint = (_style: unknown, text: string): string => text;
  const [head, about, ...rest] = findingLines(finding, { paint, now: '2026-01-05T12:00:00.000Z' });
  assert.equal(head, 'open critical  checkout\\x1b[2J keeps failing');
  assert.match(about ?? '', /^ {2}storms · \d\d:\d\d:00 to \d\d:\d\d:00 · T1046$/);
  assert.deepEqual(rest, [
    '  0.988 over 0.5 in 30 s, usual 12 · attempts 90 · established 0',
    '  next: look at it',
    `  sonde ask storms --from 2026-01-05T09:55:00.000Z --process 'it'\\''s $HOME'`,
  ]);
});
