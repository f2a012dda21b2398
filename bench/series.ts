/**
 * Several runs of the same thing. The minimum is what it costs when nothing else runs; the median, what it
 * mostly costs here.
 */

export type Series = { readonly min: number; readonly median: number; readonly runs: readonly number[] };

export function series(runs: readonly number[]): Series {
  if (runs.length === 0) throw new Error('no run');
  const sorted = [...runs].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const half = (sorted.length - 1) / 2;
  return { min: at(0), median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2, runs };
}

/**
 * What `having` costs on top of `without`: minimum over minimum, and the median of the differences within a
 * round, which a machine that is now faster and now slower leaves as they are.
 */
export function added(having: Series, without: Series): { readonly min: number; readonly median: number } {
  const differences = having.runs.map((run, round) => run - (without.runs[round] ?? NaN));
  return { min: having.min - without.min, median: series(differences).median };
}
