import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchFields } from './fields.ts';
import { parseFilter } from './filter.ts';
import { termOf, withoutTerm, withTerm } from './term.ts';

test('a term means the very value that it is made of', () => {
  const values = [
    'curl',
    'two words',
    'a*b',
    'a,b',
    '(sd-pam)',
    'say "a\\b"',
    '',
    '-x',
    'kworker/0:1',
    '10.0.0.0/8',
    'evil\u202egnp.exe',
    'a\nb',
    '\\u{41}',
    '😀',
  ];
  for (const field of ['process.name', 'destination.ip']) {
    for (const value of values) {
      const read = parseFilter(termOf(field, value), searchFields('flows'));
      if ('problem' in read) assert.fail(`${termOf(field, value)}: ${read.problem}`);
      assert.deepEqual(read.filter[0]?.tests[0]?.condition, { is: 'text', text: value });
    }
  }
  assert.equal(termOf('process.name', 'a\u202eb'), 'process.name="a\\u{202e}b"');
  assert.equal(termOf('destination.ip', '10.0.0.1'), 'destination.ip=10.0.0.1');
  assert.equal(termOf('destination.ip', 'fe80::1'), 'destination.ip=fe80::1');
  assert.equal(termOf('destination.ip', 'beef'), 'destination.ip="beef"');
});

test('a filter gets a term once, and loses it', () => {
  assert.equal(withTerm('', 'a=1'), 'a=1');
  assert.equal(withTerm('b ', 'a=1'), 'b a=1');
  assert.equal(withTerm('a=1 b', 'a=1'), 'a=1 b');
  assert.equal(withoutTerm('b a=1 c', 'a=1'), 'b c');
  assert.equal(withoutTerm('a=1', 'a=1'), '');
});
