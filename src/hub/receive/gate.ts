/** Lets so many in at once; the others wait, in order. */

export type Gate = <T>(work: () => Promise<T>) => Promise<T>;

export function createGate(insideMax: number): Gate {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (inside < insideMax) inside++;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // whoever leaves hands over its place
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside--;
    }
  };
}
