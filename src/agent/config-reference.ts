/** The reference of agent.yaml, from its schema: a page for people, a JSON Schema for editors. */

import { configTable, renderJsonSchema } from '../lib/config-reference.ts';
import { configSchema } from './config.ts';

/** docs/reference/agent.schema.json. */
export async function renderConfigSchema(): Promise<string> {
  return renderJsonSchema(await configSchema(), 'agent.yaml of Sonde');
}

/** docs/reference/config.md. */
export async function renderConfigReference(): Promise<string> {
  return [
    '# agent.yaml',
    '',
    'Made from the schema in `src/agent/config.ts` and those of the exporters by `npm run docs`. For editors:',
    '[agent.schema.json](agent.schema.json).',
    '',
    'Every key has a default; an empty file is a sound configuration. A key that nobody knows is an error. Durations carry a',
    'unit (`ms`, `s`, `m`, `h`, `d`), sizes too (`B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`). `sonde agent --check-config`',
    'says whether a file is sound.',
    '',
    ...configTable(await configSchema()),
    '',
  ].join('\n');
}
