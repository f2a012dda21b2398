import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { agentCapabilities } from '../../lib/capabilities.ts';
import { renderPrivilegesReference } from './privileges-reference.ts';

const root = join(import.meta.dirname, '../../..');

test('docs/reference/privileges.md is up to date (npm run docs)', () => {
  const page = readFileSync(join(root, 'docs/reference/privileges.md'), 'utf8');
  assert.equal(page, renderPrivilegesReference());
});

test('bin/sonde keeps what the table lists', () => {
  const kept = /--bounding-set=-all,(\S+)/.exec(readFileSync(join(root, 'bin/sonde'), 'utf8'))?.[1];
  const names = agentCapabilities.map(({ name }) => `+${name.replace('CAP_', '').toLowerCase()}`);
  assert.equal(kept, names.join(','));
});
