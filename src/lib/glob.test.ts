import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globMatches } from './glob.ts';

const cases: readonly (readonly [pattern: string, matches: readonly string[], others: readonly string[]])[] =
  [
    ['nginx', ['nginx'], ['nginx2', 'Nginx', 'ngin', '']],
    ['/opt/*', ['/opt/', '/opt/pay/bin/payd'], ['/opt', '/usr/opt/a']],
    ['*.service', ['a.service', '.service'], ['a.service.d', 'service']],
    ['pay@*.service', ['pay@1.service', 'pay@.service'], ['pay.service']],
    ['*a*b', ['ab', 'xaxaxb', 'abab'], ['ba', 'aba']],
    ['py?hon3*', ['python3', 'python3.12'], ['pyhon3']],
    ['*', ['', 'anything'], []],
    ['', [''], ['a']],
    ['a+b.c', ['a+b.c'], ['aab.c', 'a+bxc']],
    ['session-\\*', ['session-\\1'], ['session-*']],
  ];

for (const [pattern, matches, others] of cases)
  test(JSON.stringify(pattern), () => {
    for (const text of matches) assert.ok(globMatches(pattern, text), text);
    for (const text of others) assert.ok(!globMatches(pattern, text), text);
  });

test('a pattern that would make a backtracking matcher hang', () => {
  assert.ok(!globMatches(`${'*a'.repeat(40)}b`, 'a'.repeat(4000)));
});
