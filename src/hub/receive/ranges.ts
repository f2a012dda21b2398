/**
 * A set of whole numbers as sorted ranges, both ends included: [first, last, first, last …]. Numbers arrive
 * nearly in order, so there are few ranges however many numbers.
 */

export type Ranges = number[];

/** The position of the first range that ends at `value` or later. */
function search(ranges: Ranges, value: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[2 * middle + 1] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

export function hasNumber(ranges: Ranges, value: number): boolean {
  const first = ranges[search(ranges, value)];
  return first !== undefined && first <= value;
}

/** Adds first … last, which joins what it overlaps or touches. */
export function addRange(ranges: Ranges, [first, last]: readonly [number, number]): void {
  const end = ranges.at(-1);
  if (end !== undefined && first === end + 1) {
    ranges[ranges.length - 1] = last; // nearly all of them
    return;
  }
  const from = search(ranges, first - 1);
  let to = from;
  let [low, high] = [first, last];
  for (; to < ranges.length && (ranges[to] ?? 0) <= last + 1; to += 2) {
    low = Math.min(low, ranges[to] ?? 0);
    high = Math.max(high, ranges[to + 1] ?? 0);
  }
  ranges.splice(from, to - from, low, high);
}

export function* eachRange(ranges: Ranges): Generator<readonly [number, number]> {
  for (let at = 0; at < ranges.length; at += 2) yield [ranges[at] ?? 0, ranges[at + 1] ?? 0];
}
