/**
 * Writes the reference pages that are made from the source: `npm run docs`. Each has a test that it is up to
 * date.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderDefaults } from '../packaging/chart/render.ts';
import { renderPrivilegesReference } from '../src/agent/check/privileges-reference.ts';
import { renderCheckReference } from '../src/agent/check/reference.ts';
import { renderConfigReference, renderConfigSchema } from '../src/agent/config-reference.ts';
import { renderPolicyReference } from '../src/agent/policy-reference.ts';
import { renderCommandReference } from '../src/cli/command-reference.ts';
import { renderHubConfigReference, renderHubSchema } from '../src/hub/config-reference.ts';
import { renderErrorReference } from '../src/lib/error-reference.ts';
import { renderIndexTemplate } from '../src/model/ecs-template.ts';
import { renderLabelsReference } from '../src/model/labels-reference.ts';
import { renderRecordSchema, schemaFiles } from '../src/model/record-schema.ts';
import { nameModes } from '../src/model/rendering.ts';

const pages: readonly (readonly [path: string, render: () => string | Promise<string>])[] = [
  ['deploy/integrations/elasticsearch/index-template.json', renderIndexTemplate],
  ['deploy/helm/rendered/defaults.yaml', renderDefaults],
  ['docs/reference/agent.schema.json', renderConfigSchema],
  ['docs/reference/check.md', renderCheckReference],
  ['docs/reference/commands.md', renderCommandReference],
  ['docs/reference/config.md', renderConfigReference],
  ['docs/reference/errors.md', renderErrorReference],
  ['docs/reference/hub-config.md', renderHubConfigReference],
  ['docs/reference/hub.schema.json', renderHubSchema],
  ['docs/reference/labels.md', renderLabelsReference],
  ['docs/reference/policy-fields.md', renderPolicyReference],
  ['docs/reference/privileges.md', renderPrivilegesReference],
  ...nameModes.map(
    (names) => [`docs/reference/schema/${schemaFiles[names]}`, () => renderRecordSchema(names)] as const,
  ),
];

for (const [path, render] of pages) {
  const file = join(import.meta.dirname, '..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await render());
}
