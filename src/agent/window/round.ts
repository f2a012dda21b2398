/** Milliseconds and their like, to a thousandth: the kernel tells microseconds. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
