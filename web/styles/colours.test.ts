/** Contrast by WCAG 2.2: text on its ground at least 4.5 to 1 (AA), what is drawn at least 3 to 1. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const sheet = readFileSync(join(import.meta.dirname, 'colours.css'), 'utf8');
const [lightSheet = '', darkSheet = ''] = sheet.split('@media (prefers-color-scheme: dark)');

function coloursOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/--([\w-]+): (#[0-9a-f]{3,6});/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

function luminance(hex: string): number {
  const long = hex.length === 4 ? hex.replaceAll(/[0-9a-f]/g, '$&$&') : hex;
  const [r = 0, g = 0, b = 0] = (long.match(/[0-9a-f]{2}/g) ?? []).map((pair) => {
    const value = Number.parseInt(pair, 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

test('contrast is counted rightly', () => {
  assert.equal(contrast('#000', '#ffffff'), 21);
  assert.equal(contrast('#777777', '#fff').toFixed(2), '4.48');
});

const states = ['open', 'closed', 'refused', 'timed-out', 'canceled', 'unreachable', 'reset', 'bad'];
const texts = ['text', 'muted', 'accent', 'warning', 'bad', ...states];

describe('colours', () => {
  for (const [scheme, text] of [
    ['light', lightSheet],
    ['dark', darkSheet],
  ] as const) {
    const colours = coloursOf(text);
    const ratio = (ink: string, on: string): number => {
      const [a, b] = [colours.get(ink), colours.get(on)];
      assert.ok(a !== undefined && b !== undefined, `${scheme} names --${ink} and --${on}`);
      return contrast(a, b);
    };

    test(`text is legible in the ${scheme} scheme, also on a chosen row and under the pointer`, () => {
      for (const on of ['surface', 'raised', 'accent-ground']) {
        for (const ink of texts) assert.ok(ratio(ink, on) >= 4.5, `${ink} on ${on}: ${ratio(ink, on)}`);
      }
      for (const ink of ['text', 'muted', 'accent', 'bad']) assert.ok(ratio(ink, 'ground') >= 4.5, ink);
      assert.ok(ratio('warning', 'warning-ground') >= 4.5);
    });

    test(`lines are seen in the ${scheme} scheme`, () => {
      for (const n of [1, 2, 3, 4, 5, 6, 7]) {
        assert.ok(ratio(`line-${n}`, 'surface') >= 3, `line ${n}: ${ratio(`line-${n}`, 'surface')}`);
      }
    });
  }
});
