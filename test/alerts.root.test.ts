/** promtool on deploy/integrations/: the rules, when they fire, and the dashboard's queries. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dashboard, integrations, withValues } from './integrations.ts';

const folder = join(integrations, 'prometheus');

function promtool(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
  if (error) throw error;
  return { status, said: stdout + stderr };
}

test('rules are sound', () => {
  const { status, said } = promtool('check', 'rules', 'rules.yaml');
  assert.equal(status, 0, said);
});

test('alerts fire when they should, and not otherwise', () => {
  const { status, said } = promtool('test', 'rules', 'rules.test.yaml');
  assert.equal(status, 0, said);
});

test('Prometheus takes each query of the dashboard', () => {
  const queries = dashboard().panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => withValues(expr)),
  );
  const own = mkdtempSync(join(tmpdir(), 'sonde-queries-'));
  try {
    const file = join(own, 'queries.yaml');
    const check = (of: readonly string[]) => {
      const rules = of.map((expr, i) => ({ record: `query:${String(i)}`, expr }));
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      return promtool('check', 'rules', file);
    };
    const { status, said } = check(queries);
    assert.equal(status, 0, said);
    assert.match(said, new RegExp(`\\b${String(queries.length)} rules found`));
    assert.notEqual(check([...queries, 'sum(']).status, 0);
  } finally {
    rmSync(own, { recursive: true });
  }
});
