/** What every file in exporters/ must keep to. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { systemClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { exporterNames, loadExporter, openExporters } from './exporter.ts';

const context = { clock: systemClock, log: silentLog };

interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

/** What bounds a value of each type: keywords of which one each must be there. */
const bounds: Readonly<Record<string, readonly (readonly string[])[]>> = {
  integer: [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ],
  number: [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ],
  string: [['minLength', 'pattern', 'format', 'enum', 'x-minimum']],
  array: [['maxItems']],
};

test('there are exporters, sorted by name', () => {
  assert.ok(exporterNames().includes('jsonl'));
  assert.deepEqual(exporterNames(), exporterNames().toSorted());
});

for (const name of exporterNames()) {
  describe(`exporter ${name}`, async () => {
    const exporter = await loadExporter(name);
    const schema = z.toJSONSchema(exporter.schema, { io: 'input' }) as {
      readonly description?: string;
      readonly additionalProperties?: unknown;
      readonly properties?: Readonly<Record<string, Property>>;
    };
    const properties = Object.entries(schema.properties ?? {});

    test('is called like its file, and says what it is', () => {
      assert.equal(exporter.name, name);
      assert.match(exporter.summary, /^\S.{5,100}[^.]$/);
      assert.match(schema.description ?? '', /\w/);
    });

    test('refuses keys that nobody knows', () => {
      assert.equal(schema.additionalProperties, false);
      assert.equal(exporter.schema.safeParse({ nobody_knows_this: 1 }).success, false);
    });

    test('describes and bounds every key', () => {
      for (const [key, property] of properties) {
        assert.match(key, /^[a-z][a-z0-9_]*$/);
        assert.match(property.description ?? '', /\w/, key);
        for (const either of bounds[property.type ?? ''] ?? []) {
          assert.ok(
            either.some((keyword) => keyword in property),
            `${key} lacks ${either.join(' or ')}`,
          );
        }
      }
    });

    test('its defaults pass its own checks', () => {
      const defaults = Object.fromEntries(
        properties.filter(([, p]) => 'default' in p).map(([key, p]) => [key, p.default]),
      );
      assert.equal(exporter.schema.safeParse(defaults).success, true);
    });
  });
}

test('jsonl opens with a path alone, and closes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-exporter-'));
  try {
    const exporter = await loadExporter('jsonl');
    const open = await exporter.open(exporter.schema.parse({ path: join(folder, 'a.jsonl') }), context);
    await open[Symbol.asyncDispose]();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('openExporters', () => {
  test('opens those that have options', async () => {
    assert.equal((await openExporters({ jsonl: undefined }, context)).size, 0);
    const exporters = await openExporters(
      { jsonl: { path: '-', max_size: 1e8, keep: 5, names: 'canonical' } },
      context,
    );
    assert.deepEqual([...exporters.keys()], ['jsonl']);
  });

  test('one that does not open is the operator\u2019s to mend', async () => {
    const options = { path: '/etc/hostname/below.jsonl', max_size: 1e8, keep: 5, names: 'canonical' };
    await assert.rejects(openExporters({ jsonl: options }, context), (error) => {
      assert.ok(isOperatorError(error) && error.code === 'config.exporter');
      return true;
    });
  });
});
