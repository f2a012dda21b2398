import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fit, jsonLine, printable } from './terminal.ts';

describe('printable', () => {
  test('leaves text alone that only shows itself', () => {
    for (const text of ['', 'nginx: worker [3]', 'größe', '日本', '🦀', 'a\\x1b']) {
      assert.equal(printable(text), text);
    }
  });

  const hostile: readonly (readonly [string, string, string])[] = [
    ['an escape sequence', '\u001b[2J\u001b]0;x\u0007', '\\x1b[2J\\x1b]0;x\\x07'],
    ['a line feed and a return', 'a\nb\rc', 'a\\x0ab\\x0dc'],
    ['DEL and an 8-bit CSI', '\u007f\u009b31m', '\\x7f\\x9b31m'],
    ['a bidirectional override', 'a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
    [
      'isolates and marks of direction',
      '\u2066\u2069\u200e\u200f\u061c',
      '\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}',
    ],
    ['line and paragraph separators', '\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['what has no width', 'ss\u200bhd\ufeff', 'ss\\u{200b}hd\\u{feff}'],
    ['a tag beyond the first plane', 'a\u{e0041}', 'a\\u{e0041}'],
  ];
  for (const [what, text, shown] of hostile) {
    test(`shows ${what}`, () => assert.equal(printable(text), shown));
  }
});

describe('fit', () => {
  test('pads on either side, and leaves what fits', () => {
    assert.equal(fit('ab', 4), 'ab  ');
    assert.equal(fit('ab', 4, 'right'), '  ab');
    assert.equal(fit('abcd', 4), 'abcd');
  });

  test('cuts what is longer, and says so', () => {
    assert.equal(fit('abcde', 4), 'abc…');
    assert.equal(fit('abcde', 1, 'right'), '…');
  });

  test('never cuts a character in two', () => {
    assert.equal(fit('🦀🦀🦀', 2), '🦀…');
    assert.equal(fit('🦀', 3), '🦀  ');
  });
});

test('jsonLine: nothing reaches the terminal raw, and it reads back the same', () => {
  const value = { name: 'a\u009b2J\u202eb\u200b\u007f\u2028 é ✔ \u{e0001}' };
  const line = jsonLine(value);
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.deepEqual(JSON.parse(line), value);
});
