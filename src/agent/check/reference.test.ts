import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderCheckReference } from './reference.ts';

test('docs/reference/check.md is up to date (npm run docs)', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/check.md'), 'utf8');
  assert.equal(page, renderCheckReference());
});
