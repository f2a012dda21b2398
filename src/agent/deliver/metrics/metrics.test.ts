import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allLabels } from '../../../model/labels.ts';
import { bucketStartUs, latencyBucketCount } from '../../../model/latency.ts';
import { boundOf, boundsSeconds, plain, rowKinds, rowMetrics, windowMetrics } from './metrics.ts';

const all = [...rowKinds.flatMap((kind) => rowMetrics[kind]), ...windowMetrics];
const names = all.map(({ name }) => name);

describe('metrics', () => {
  test('are all values that the standard names, but those that would be stale', () => {
    const values = allLabels.flatMap(({ prometheus }) =>
      prometheus && 'value' in prometheus ? [prometheus.value] : [],
    );
    const stale = ['sonde_listener_backlog', 'sonde_listener_backlog_max'];
    assert.deepEqual([...new Set(values)].sort(), [...names, ...stale].sort());
  });

  test('have names that Prometheus takes, each once, and say what they are', () => {
    assert.equal(new Set(names).size, names.length);
    for (const { name, shape, help } of all) {
      assert.match(name, /^sonde(_[a-z0-9]+)+$/);
      assert.equal(name.endsWith('_total'), shape === 'counter', name);
      assert.match(help, /^[^\n`"\\[\]]{3,}$/, name);
    }
  });

  test('no family is another one with what is put behind it', () => {
    const families = new Set(names.map((name) => name.replace(/_total$/, '')));
    for (const family of families)
      for (const end of ['_bucket', '_count', '_sum', '_total', '_created', '_info'])
        assert.ok(!families.has(family + end), family + end);
  });

  test('their help is the reference\u2019s without its marks', () => {
    assert.equal(
      plain('see [the `standard`](standard.md), and `x` ([y](z.md#a))'),
      'see the standard, and x',
    );
  });
});

describe('bounds of the histogram', () => {
  const starts = Array.from({ length: latencyBucketCount + 1 }, (_, bucket) => bucketStartUs(bucket));

  test('are borders of the rows\u2019 own buckets: none is split', () => {
    for (const bound of boundsSeconds) assert.ok(starts.includes(Math.round(bound * 1e6)), String(bound));
    assert.deepEqual(
      boundsSeconds,
      boundsSeconds.toSorted((a, b) => a - b),
    );
  });

  test('every bucket of a row is under the first bound that is not below its end', () => {
    for (let bucket = 0; bucket < latencyBucketCount; bucket++) {
      const upperMs = bucketStartUs(bucket + 1) / 1000;
      const bound = boundOf(upperMs);
      const [at, below] = [boundsSeconds[bound] ?? Infinity, boundsSeconds[bound - 1] ?? 0];
      assert.ok(upperMs <= at * 1000 && upperMs > below * 1000, `${String(upperMs)} under ${String(at)}`);
    }
  });
});
