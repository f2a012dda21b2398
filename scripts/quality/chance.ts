/** Numbers that scatter as those of networks do. */
import type { Prng } from '../../src/lib/prng.ts';

export function normal(random: Prng): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
}

export function poisson(random: Prng, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let n = -1;
  for (let product = 1; product > limit; n++) product *= random.unit();
  return Math.max(0, n);
}

/** Of n, each with probability p. */
export function binomial(random: Prng, n: number, p: number): number {
  if (n > 50 && n * p > 30) {
    const drawn = Math.round(n * p + Math.sqrt(n * p * (1 - p)) * normal(random));
    return Math.min(n, Math.max(0, drawn));
  }
  if (p < 0.1) return Math.min(n, poisson(random, n * p));
  let hits = 0;
  for (let i = 0; i < n; i++) if (random.unit() < p) hits++;
  return hits;
}

/** A factor around 1 that wanders: `sigma` of its logarithm, which half-forgets itself in `steps`. */
export function wandering(random: Prng, { sigma, steps }: { sigma: number; steps: number }): () => number {
  const kept = 2 ** (-1 / steps);
  const fresh = Math.sqrt(1 - kept * kept);
  let level = normal(random);
  return () => {
    level = kept * level + fresh * normal(random);
    return Math.exp(sigma * level - (sigma * sigma) / 2);
  };
}

const [hourMs, dayMs] = [3_600_000, 86_400_000];

/** How busy a day and a week are at that time: 1 in the mean of a weekday, a third as much at its night. */
export function rhythm(atMs: number): number {
  const hour = (atMs % dayMs) / hourMs;
  const isWeekend = [0, 6].includes(new Date(atMs).getUTCDay());
  return (1 - 0.5 * Math.cos((2 * Math.PI * (hour - 3)) / 24)) * (isWeekend ? 0.6 : 1);
}

/** About once in that time, at moments that nobody planned. */
export function now(random: Prng, { stepMs, everyMs }: { stepMs: number; everyMs: number }): boolean {
  return random.unit() < stepMs / everyMs;
}
