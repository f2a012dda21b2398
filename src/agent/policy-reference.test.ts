import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderPolicyReference } from './policy-reference.ts';

test('policy-fields.md is up to date (npm run docs)', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/policy-fields.md'), 'utf8');
  assert.equal(page, renderPolicyReference());
});
