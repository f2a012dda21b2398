import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { prng } from '../lib/prng.ts';
import { bucketStartUs, mergeHistograms, quantileMs, type Histogram } from './latency.ts';

const include = join(import.meta.dirname, '../../bpf/include');
const bucketCount = Number(
  /^#define LATENCY_BUCKET_COUNT (\d+)/m.exec(readFileSync(join(include, 'limits.h'), 'utf8'))?.[1],
);

/** The bucket of a value by the bounds alone. */
function bucketOf(us: number): number {
  let bucket = 0;
  while (bucket + 1 < bucketCount && bucketStartUs(bucket + 1) <= us) bucket++;
  return bucket;
}

function histogramOf(values: readonly number[]): Histogram {
  return values.reduce<Histogram>(
    (sum, us) => mergeHistograms(sum, [{ bucket: bucketOf(us), count: 1 }]),
    [],
  );
}

describe('buckets', () => {
  test('one by one to 3, then four to the octave, to 268 s', () => {
    assert.equal(bucketCount, 108);
    const starts = Array.from({ length: 13 }, (_, i) => bucketStartUs(i));
    assert.deepEqual(starts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16]);
    assert.equal(bucketStartUs(bucketCount), 2 ** 28);
  });

  test('each is at most a quarter of its start wide', () => {
    for (let bucket = 4; bucket < bucketCount; bucket++) {
      const [start, end] = [bucketStartUs(bucket), bucketStartUs(bucket + 1)];
      assert.ok(end > start && end - start <= start / 4, `bucket ${bucket}`);
    }
  });

  test('are the kernel programs\u2019 own: latency_bucket of bpf/include/flow.h', (t) => {
    if (spawnSync('gcc', ['--version']).error) {
      t.skip('gcc is not installed');
      return;
    }
    const source = readFileSync(join(include, 'flow.h'), 'utf8');
    const functions = ['log2_of', 'latency_bucket'].map((name) => {
      const text = new RegExp(`^static __always_inline \\w+ ${name}\\([^]*?^}`, 'm').exec(source)?.[0];
      assert.ok(text, `${name} is not in flow.h`);
      return text;
    });
    const program = [
      '#include <stdint.h>\n#include <stdio.h>\n#include <stdbool.h>',
      'typedef uint32_t u32;\ntypedef uint64_t u64;\n#define __always_inline inline',
      `#define LATENCY_BUCKET_COUNT ${bucketCount}`,
      ...functions,
      'int main(void) { u32 us; while (scanf("%u", &us) == 1) printf("%u\\n", latency_bucket(us)); }',
    ].join('\n');
    const folder = mkdtempSync(join(tmpdir(), 'sonde-latency-'));
    try {
      writeFileSync(join(folder, 'bucket.c'), program);
      execFileSync('gcc', ['-O1', '-o', join(folder, 'bucket'), join(folder, 'bucket.c')]);
      const random = prng(108);
      const values = [
        0,
        2 ** 32 - 1,
        2 ** 28 - 1,
        2 ** 28,
        ...Array.from({ length: 2000 }, () => random.uint32() >>> random.below(32)),
      ];
      for (let bucket = 1; bucket < bucketCount; bucket++)
        values.push(bucketStartUs(bucket), bucketStartUs(bucket) - 1);
      const told = execFileSync(join(folder, 'bucket'), { input: values.join('\n'), encoding: 'utf8' });
      assert.deepEqual(told.trim().split('\n').map(Number), values.map(bucketOf));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('quantileMs', () => {
  test('nothing measured has none', () => assert.equal(quantileMs([], 0.5), null));

  test('is within 12.5 % of the exact one', () => {
    const random = prng(1);
    for (let round = 0; round < 200; round++) {
      const spread = 1 + random.below(20);
      const values = Array.from(
        { length: 1 + random.below(60) },
        () => 4 + Math.floor(2 ** (random.unit() * spread)),
      );
      values.sort((a, b) => a - b);
      const histogram = histogramOf(values);
      for (const q of [0.01, 0.5, 0.95, 0.99, 1]) {
        const exact = values[Math.ceil(q * values.length) - 1]!;
        const us = (quantileMs(histogram, q) ?? Number.NaN) * 1000;
        assert.ok(
          Math.abs(us - exact) <= 0.125 * exact + 1e-9,
          `q ${q} of ${values.join(' ')}: ${us}, not ${exact}`,
        );
      }
    }
  });

  test('one value has one latency, whatever the quantile', () => {
    const histogram = histogramOf([1000]);
    assert.equal(quantileMs(histogram, 0.5), quantileMs(histogram, 0.99));
  });

  test('zero is near zero', () => assert.ok((quantileMs(histogramOf([0]), 0.5) ?? 1) <= 0.001));
});

describe('mergeHistograms', () => {
  test('adds by bucket, in order of buckets, and leaves its arguments alone', () => {
    const [a, b] = [
      [
        { bucket: 9, count: 1 },
        { bucket: 30, count: 2 },
      ],
      [
        { bucket: 2, count: 5 },
        { bucket: 30, count: 1 },
      ],
    ];
    const sum = mergeHistograms(a, b);
    assert.deepEqual(sum, [
      { bucket: 2, count: 5 },
      { bucket: 9, count: 1 },
      { bucket: 30, count: 3 },
    ]);
    assert.deepEqual(a, [
      { bucket: 9, count: 1 },
      { bucket: 30, count: 2 },
    ]);
  });

  test('with nothing is the same', () => {
    assert.deepEqual(mergeHistograms([], [{ bucket: 2, count: 5 }]), [{ bucket: 2, count: 5 }]);
    assert.deepEqual(mergeHistograms([], []), []);
  });
});
