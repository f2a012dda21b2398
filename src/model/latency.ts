/**
 * Latency buckets: 0 to 3 us one by one, then four to the octave up to 268 s (bpf/include/limits.h). A
 * quantile is the middle of the bucket that holds the exact one: off by at most half a bucket, 12.5 % of the
 * value. (Interpolating within the bucket reads better, and is off by up to 25 % where values are few or
 * alike.)
 */

/** Lower bound of a bucket in microseconds; of bucket i + 1 it is the upper bound of i. */
export function bucketStartUs(bucket: number): number {
  if (bucket < 4) return bucket;
  const octave = (bucket >> 2) + 1;
  return 2 ** octave + (bucket & 3) * 2 ** (octave - 2);
}

/** The programs' own count of them (LATENCY_BUCKET_COUNT). */
export const latencyBucketCount = 108;

/** The bucket that a whole number of microseconds is in; the last one holds all that is longer. */
export function bucketOfUs(us: number): number {
  if (us < 4) return us;
  const octave = 31 - Math.clz32(Math.min(us, 2 ** 31 - 1));
  const bucket = ((octave - 1) << 2) + (Math.floor(us / 2 ** (octave - 2)) & 3);
  return Math.min(bucket, latencyBucketCount - 1);
}

export type Histogram = readonly { readonly bucket: number; readonly count: number }[];

/** The q-quantile in milliseconds, null for an empty histogram. `histogram` is in order of buckets. */
export function quantileMs(histogram: Histogram, q: number): number | null {
  const total = histogram.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  let rank = q * total;
  for (const { bucket, count } of histogram) {
    if (rank <= count) return (bucketStartUs(bucket) + bucketStartUs(bucket + 1)) / 2000;
    rank -= count;
  }
  return bucketStartUs((histogram.at(-1)?.bucket ?? 0) + 1) / 1000;
}

/** Adds two histograms. */
export function mergeHistograms(a: Histogram, b: Histogram): Histogram {
  const counts = new Map<number, number>();
  for (const { bucket, count } of [...a, ...b]) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
  return [...counts].sort(([x], [y]) => x - y).map(([bucket, count]) => ({ bucket, count }));
}
