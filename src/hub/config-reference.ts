/** The reference of hub.yaml, from its schema: a page for people, a JSON Schema for editors. */

import { configTable, renderJsonSchema } from '../lib/config-reference.ts';
import { hubSchema } from './config.ts';

/** docs/reference/hub.schema.json. */
export function renderHubSchema(): string {
  return renderJsonSchema(hubSchema, 'hub.yaml of Sonde');
}

/** docs/reference/hub-config.md. */
export function renderHubConfigReference(): string {
  return [
    '# hub.yaml',
    '',
    'Made from the schema in `src/hub/config.ts` by `npm run docs`. For editors: [hub.schema.json](hub.schema.json).',
    '',
    'Every key has a default; an empty file is a sound configuration. A key that nobody knows is an error. Durations carry a',
    'unit (`ms`, `s`, `m`, `h`, `d`), sizes too (`B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`). `sonde hub --check-config`',
    'says whether a file is sound.',
    '',
    ...configTable(hubSchema),
    '',
  ].join('\n');
}
