import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderCommandReference } from './command-reference.ts';

test('docs/reference/commands.md is up to date (npm run docs)', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/commands.md'), 'utf8');
  assert.equal(page, await renderCommandReference());
});
