/** What deploy/integrations/ names is there, and fits together. promtool: test/alerts.root.test.ts. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { derivedFields } from '../src/model/ecs.ts';
import { ecsMappings } from '../src/model/ecs-template.ts';
import { allLabels } from '../src/model/labels.ts';
import {
  alertRules,
  dashboard,
  exportedLabels,
  exportedNames,
  namesIn,
  readIntegration,
  withValues,
  type Panel,
} from './integrations.ts';

const names = exportedNames();
const labels = exportedLabels();

function unknownIn(expr: string): string[] {
  const { metrics, labels: of } = namesIn(expr);
  return [...metrics.filter((name) => !names.has(name)), ...of.filter((name) => !labels.has(name))];
}

test('what is unknown is found', () => {
  const expr = 'sum by (le, pod) (rate(sonde_connections_open{process="x", pid!="1"}[5m])) / sonde_bytes';
  assert.deepEqual(unknownIn(expr), ['sonde_bytes', 'pod', 'pid']);
});

describe('alert rules', () => {
  const rules = alertRules();
  const alerts = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));

  test('name only what the endpoint has', () => {
    const records = rules.flatMap(({ record }) => (record === undefined ? [] : [record]));
    for (const { alert, record, expr, annotations } of rules) {
      const own = records.reduce((text, name) => text.replaceAll(name, 'up'), expr);
      assert.deepEqual(unknownIn(own), [], alert ?? record);
      const told = [...JSON.stringify(annotations ?? {}).matchAll(/\$labels\.(\w+)/g)];
      for (const [, name = ''] of told) assert.ok(labels.has(name), `${alert ?? ''}: ${name}`);
    }
  });

  test('are each shown to fire, and told of', () => {
    const { tests } = parse(readIntegration('prometheus/rules.test.yaml')) as {
      readonly tests: readonly {
        readonly alert_rule_test: readonly { alertname: string; exp_alerts?: readonly object[] }[];
      }[];
    };
    const shown = tests
      .flatMap(({ alert_rule_test: of }) => of)
      .filter(({ exp_alerts: expected = [] }) => expected.length > 0)
      .map(({ alertname }) => alertname);
    assert.deepEqual([...new Set(shown)].sort(), [...alerts].sort());
    const page = readFileSync(join(import.meta.dirname, '../docs/operating/integrations.md'), 'utf8');
    assert.deepEqual([...new Set(page.match(/\bSonde[A-Z]\w+/g))].sort(), [...alerts].sort());
  });
});

function overlap(one: Panel, other: Panel): boolean {
  const [a, b] = [one.gridPos, other.gridPos];
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** What a sum is not by, it has not. */
function isKept(label: string, expr: string): boolean {
  return labels.has(label) && (!/\bby \(/.test(expr) || namesIn(expr).labels.includes(label));
}

describe('the dashboard', () => {
  const { panels, templating } = dashboard();
  const variables = templating.list.map(({ name }) => name);

  test('names only what the endpoint has', () => {
    for (const { title, targets = [] } of panels) {
      for (const { expr, legendFormat } of targets) {
        assert.deepEqual(unknownIn(withValues(expr)), [], title);
        for (const [, name = ''] of expr.replaceAll(/\$__\w+/g, '').matchAll(/\$(\w+)/g))
          assert.ok(variables.includes(name), `${title}: $${name}`);
        for (const [, name = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(isKept(name, expr), `${title}: ${name}`);
      }
    }
    for (const { definition = '' } of templating.list)
      assert.deepEqual(unknownIn(definition.replaceAll(/\$\w+/g, 'x')), []);
  });

  test('asks something in every panel', () => {
    assert.ok(panels.length > 20);
    for (const { type, title, targets = [] } of panels)
      assert.equal(targets.length > 0, type !== 'row', title);
  });

  test('has each panel once, side by side', () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const panel of panels) {
      const { x, w } = panel.gridPos;
      assert.ok(x >= 0 && x + w <= 24, panel.title);
      for (const other of panels)
        assert.ok(panel === other || !overlap(panel, other), `${panel.title} and ${other.title}`);
    }
  });
});

type Components = Readonly<Record<string, unknown>>;

interface Collector {
  readonly extensions: Components;
  readonly receivers: Components;
  readonly processors: Readonly<Record<string, { readonly log_statements?: readonly string[] } | undefined>>;
  readonly exporters: Components;
  readonly service: {
    readonly extensions: readonly string[];
    readonly pipelines: Readonly<
      Record<string, Readonly<Record<'receivers' | 'processors' | 'exporters', readonly string[]>>>
    >;
  };
}

describe('the collector’s pipelines', () => {
  const text = readIntegration('otel-collector/config.yaml');
  const config = parse(text) as Collector;
  const pipelines = Object.values(config.service.pipelines);

  test('are made of what is defined, and all of it', () => {
    for (const part of ['receivers', 'processors', 'exporters'] as const) {
      const used = new Set(pipelines.flatMap((pipeline) => pipeline[part]));
      assert.deepEqual([...used].sort(), Object.keys(config[part]).sort(), part);
    }
    assert.deepEqual(config.service.extensions, Object.keys(config.extensions));
    for (const { processors } of pipelines) {
      assert.equal(processors[0], 'memory_limiter');
      assert.equal(processors.at(-1), 'batch');
    }
    for (const [, name = ''] of text.matchAll(/storage: (\w+)/g)) assert.ok(name in config.extensions, name);
  });

  test('name attributes that there are', () => {
    const known = new Set([
      ...allLabels.flatMap(({ name, otel }) => [name, otel]),
      ...ecsMappings().keys(),
      ...Object.keys(derivedFields),
    ]);
    const named = [
      ...[...text.matchAll(/attributes\["([^"]+)"\]/g)].map(([, name = '']) => name),
      ...[...text.matchAll(/key: ([\w.]+)/g)].map(([, name = '']) => name),
      ...[...text.matchAll(/keys: \[([^\]]+)\]/g)].flatMap(([, list = '']) => list.split(', ')),
    ];
    assert.ok(named.length > 6);
    for (const name of named) assert.ok(known.has(name), name);
  });
});

interface Loki {
  readonly limits_config: {
    readonly otlp_config: {
      readonly resource_attributes: {
        readonly attributes_config: readonly {
          readonly action: string;
          readonly attributes: readonly string[];
        }[];
      };
    };
  };
}

test('labels of Loki are on the resource, and have few values', () => {
  const { limits_config: limits } = parse(readIntegration('loki/limits.yaml')) as Loki;
  const [config, ...others] = limits.otlp_config.resource_attributes.attributes_config;
  assert.deepEqual([config?.action, others], ['index_label', []]);
  const { processors } = parse(readIntegration('otel-collector/config.yaml')) as {
    readonly processors: { readonly 'groupbyattrs/loki': { readonly keys: readonly string[] } };
  };
  const moved = processors['groupbyattrs/loki'].keys;
  const indexed = (config?.attributes ?? []).filter((name) => name !== 'service.name'); // the same everywhere
  for (const name of indexed) {
    const label = allLabels.find((of) => of.name === name || of.ecs === name);
    assert.ok(label, name);
    assert.match(label.classes, /^E P[01]$/, name);
    assert.equal(label.onResource === true, !moved.includes(name), name);
  }
  for (const name of moved) assert.ok(indexed.includes(name), name);
});
