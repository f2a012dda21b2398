import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { standing } from '../../../../test/standing.ts';
import { manualClock } from '../../../lib/clock.ts';
import { newCounting } from '../metrics/counting.ts';
import { labelFields } from '../metrics/labels.ts';
import { rowKinds, rowMetrics, windowMetrics, type Family } from '../metrics/metrics.ts';
import { countingOptions, countingShape } from '../metrics/options.ts';
import { selfMetrics } from '../metrics/self.ts';
import { attributeNameOf, otelNameOf } from './naming.ts';

const counting = newCounting(countingOptions(z.object(countingShape).parse({})), manualClock());
const live = selfMetrics(counting, standing).filter(({ shape }) => shape !== 'info');
const families: readonly Family[] = [
  ...rowKinds.flatMap((kind) => rowMetrics[kind]),
  ...windowMetrics,
  ...live,
];

const words: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

/** As OpenTelemetry's specification has a name made for Prometheus: no unit that is there already. */
function translated({ name, unit, isSum }: { name: string; unit: string; isSum: boolean }): string {
  const parts = [name.replaceAll('.', '_')];
  if (unit === '1' && !isSum) parts.push('ratio');
  else if (words[unit] !== undefined && !name.includes(words[unit])) parts.push(words[unit]);
  if (isSum) parts.push('total');
  return parts.join('_');
}

describe('names of metrics', () => {
  for (const family of families)
    test(`${family.name} is what a collector makes of ours`, () => {
      const { name, unit } = otelNameOf(family);
      assert.match(name, /^sonde(\.[a-z][a-z_]*){1,2}$/);
      assert.equal(translated({ name, unit, isSum: family.shape === 'counter' }), family.name);
    });

  test('each is there once', () => {
    const names = families.map((family) => otelNameOf(family).name);
    assert.equal(new Set(names).size, names.length);
  });

  const cases = [
    ['sonde_tcp_peer_window_seconds_total', 'sonde.tcp.peer_window', 's', false],
    ['sonde_sent_bytes_total', 'sonde.sent.bytes', 'By', true],
    ['sonde_budget_memory_limit_bytes', 'sonde.budget.memory_limit', 'By', true],
    ['sonde_sent_segments_total', 'sonde.sent.segments', '{segment}', true],
    ['sonde_connections_open', 'sonde.connections.open', '{connection}', true],
    ['sonde_coverage_seen_total', 'sonde.coverage.seen', '{connection}', true],
    ['sonde_budget_cpu_ratio', 'sonde.budget.cpu', '1', false],
    ['sonde_counting', 'sonde.counting', '', true],
  ] as const;
  for (const [prometheus, name, unit, isWhole] of cases)
    test(`${prometheus} is ${name} in ${unit || 'nothing'}`, () => {
      assert.deepEqual(otelNameOf({ name: prometheus, shape: 'counter', help: '' }), { name, unit, isWhole });
    });
});

describe('names of attributes', () => {
  test('are those of fields, each once', () => {
    for (const names of ['canonical', 'otel'] as const) {
      const all = labelFields.map((field) => attributeNameOf(field, names));
      assert.equal(new Set(all).size, all.length);
    }
    assert.equal(attributeNameOf('process.name', 'canonical'), 'process.name');
    assert.equal(attributeNameOf('process.name', 'otel'), 'sonde.process.comm');
    assert.equal(attributeNameOf('workload.kind', 'otel'), 'sonde.workload.kind');
  });

  test('the class of a port is not called a port', () => {
    assert.equal(attributeNameOf('destination.port', 'canonical'), 'destination.port_class');
    assert.equal(attributeNameOf('destination.port', 'otel'), 'sonde.destination.port_class');
  });

  test('of a key without a field', () => {
    assert.equal(attributeNameOf('stage', 'canonical'), 'stage');
    assert.equal(attributeNameOf('stage', 'otel'), 'sonde.stage');
  });
});
