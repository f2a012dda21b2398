import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../../../lib/clock.ts';
import type { Translation } from '../../../model/far.ts';
import { openTranslated, translatedLimits, type TranslatedOptions } from './translated.ts';

const hostInode = 1;
const service = { transport: 'tcp', ip: '10.96.0.1', port: 80 } as const;
const found: readonly Translation[] = [{ ...service, translated: { ip: '10.1.0.1', port: 8080 } }];

function open(ask: TranslatedOptions['ask']) {
  const clock = manualClock();
  return { clock, translated: openTranslated({ clock, ask, hostInode }) };
}

test('a window waits for no longer than it may; what is late counts, and is not asked twice', async () => {
  const answers: (() => void)[] = [];
  const { clock, translated } = open(
    () => new Promise((resolve) => answers.push(() => resolve({ found, cut: false }))),
  );
  const looked = translated.look([2]);
  await clock.advance(translatedLimits.waitMsMax);
  await looked;
  assert.equal(clock.sleepers(), 0);
  assert.deepEqual(translated.losses(), { 'enrich.translations_late': 1 });
  assert.equal(translated.at(2, service), undefined);
  await translated.look([2]);
  assert.deepEqual([answers.length, translated.losses()], [1, { 'enrich.translations_late': 2 }]);
  for (const answer of answers) answer();
});

test('one that answers in time leaves no timer', async () => {
  const { clock, translated } = open(() => Promise.resolve({ found, cut: false }));
  await translated.look([2]);
  assert.deepEqual([clock.sleepers(), translated.losses()], [0, {}]);
  assert.deepEqual(translated.at(2, service), { ip: '10.1.0.1', port: 8080 });
  assert.equal(translated.at(2, { ...service, port: 81 }), undefined);
});

test('a refusal and an answer that was cut are counted, and nothing is told by them', async () => {
  const { translated } = open((inode) =>
    inode === hostInode ? Promise.resolve({ found, cut: true }) : Promise.reject(new Error('no')),
  );
  await translated.look([2]);
  assert.equal(translated.at(2, service), undefined);
  assert.deepEqual(translated.losses(), {
    'enrich.translations_cut': 1,
    'enrich.translations_refused': 1,
  });
});

test('many namespaces take turns, the host’s is always asked', async () => {
  const asked = new Map<number, number>();
  const { translated } = open((inode) => {
    asked.set(inode, (asked.get(inode) ?? 0) + 1);
    return Promise.resolve({ found: [], cut: false });
  });
  const { namespacesMax } = translatedLimits;
  const many = Array.from({ length: 3 * namespacesMax }, (_, i) => i + 2);
  const windows = 4;
  for (let i = 0; i < windows; i++) await translated.look(many);
  assert.equal(asked.get(hostInode), windows);
  assert.equal(
    [...asked.values()].reduce((sum, times) => sum + times, 0),
    windows * namespacesMax,
  );
  assert.deepEqual(
    many.filter((inode) => !asked.has(inode)),
    [],
  );
  assert.deepEqual(translated.losses(), {
    'enrich.translations_skipped': windows * (many.length - namespacesMax + 1),
  });
});
