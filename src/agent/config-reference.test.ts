import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { renderConfigReference, renderConfigSchema } from './config-reference.ts';

const page = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../docs/reference', name), 'utf8');

interface Property {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Property>>;
  readonly additionalProperties?: unknown;
}

describe('the reference of agent.yaml', () => {
  test('config.md is up to date (npm run docs)', async () =>
    assert.equal(page('config.md'), await renderConfigReference()));

  test('agent.schema.json is up to date (npm run docs)', async () => {
    assert.equal(page('agent.schema.json'), await renderConfigSchema());
  });

  test('says of each key what it means; none of it is required; nothing else is allowed', async () => {
    function check(node: Property, path: string): void {
      assert.ok(!('required' in node), `${path} requires something`);
      assert.equal(node.additionalProperties, false, path);
      for (const [name, property] of Object.entries(node.properties ?? {})) {
        assert.match(property.description ?? '', /\w/, `${path}.${name}`);
        if (property.properties) check(property, `${path}.${name}`);
      }
    }
    check(JSON.parse(await renderConfigSchema()) as Property, 'agent.yaml');
  });

  test('shows defaults and bounds as they are written', async () => {
    const text = await renderConfigReference();
    assert.match(text, /^\| `window` \| length of a window \| 100ms to 1h \| `10s` \|$/m);
    assert.match(text, /^\| `limits\.flow_rows` \| .* \| 256 to 1048576 \| `65536` \|$/m);
    assert.match(text, /^\| `profile` \| .* \| `failures`, `connections`, `full` \| `failures` \|$/m);
    assert.match(text, /^\| `exporters\.jsonl\.path` \| .* \| not empty \| `-` \|$/m);
  });
});
