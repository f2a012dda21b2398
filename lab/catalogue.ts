/** All scenarios: every file in scenarios/ exports an array of that name. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Scenario } from './scenario.ts';

const folder = join(import.meta.dirname, 'scenarios');

export async function loadScenarios(): Promise<readonly Scenario[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const families = await Promise.all(
    files.sort().map(async (name) => {
      const family = (await import(join(folder, name))) as { scenarios?: readonly Scenario[] };
      if (!family.scenarios) throw new Error(`${name} exports no scenarios`);
      return family.scenarios;
    }),
  );
  const all = families.flat();
  const ids = new Set(all.map((scenario) => scenario.id));
  if (ids.size !== all.length) throw new Error('two scenarios have the same id');
  return all;
}
