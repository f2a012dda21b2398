import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from './plain.ts';

function shown(text: string): string {
  return pieces(text)
    .map((piece) => (piece.isEscape ? `[${piece.text}]` : piece.text))
    .join('');
}

test('what is not seen is shown as an escape', () => {
  assert.equal(shown('evil\u202egnp.exe'), 'evil[\\u{202e}]gnp.exe');
  assert.equal(shown('\u0007\u001b[31mred'), '[\\x07\\x1b][31mred');
  assert.equal(shown('zero\u200bwidth\u2028line'), 'zero[\\u{200b}]width[\\u{2028}]line');
});

test('letters of every script are letters', () => {
  assert.equal(shown('בדיקה naïve 日本 🙂'), 'בדיקה naïve 日本 🙂');
  assert.equal(shown(''), '');
});

test('a backslash that somebody wrote is no escape', () => {
  assert.deepEqual(pieces('\\x07'), [{ text: '\\x07', isEscape: false }]);
});
