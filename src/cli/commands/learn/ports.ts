/** Ports as an expectation says them: each, runs of them, or all that programs choose by themselves. */

/** From there on ports need no privileges. */
const highMin = 1024;
const portMax = 65_535;
/** More high ports of one destination are chosen by somebody, each time anew. */
const highPortsMax = 16;
/** Shorter runs are told one by one. */
const runMin = 3;

function runs(ports: readonly number[]): string[] {
  const texts: string[] = [];
  for (let at = 0; at < ports.length;) {
    let end = at;
    while (ports[end + 1] === (ports[end] ?? 0) + 1) end++;
    const run = ports.slice(at, end + 1);
    texts.push(...(run.length < runMin ? run.map(String) : [`${run[0] ?? 0}-${run.at(-1) ?? 0}`]));
    at = end + 1;
  }
  return texts;
}

/** Empty for all: port 0 is one that was not told. */
export function portTexts(all: readonly number[]): string[] {
  const ports = [...new Set(all)].sort((a, b) => a - b);
  if (ports[0] === 0) return [];
  const low = ports.filter((port) => port < highMin);
  const high = ports.filter((port) => port >= highMin);
  const lowTexts = low.length > highPortsMax ? [`1-${highMin - 1}`] : runs(low);
  return [...lowTexts, ...(high.length > highPortsMax ? [`${highMin}-${portMax}`] : runs(high))];
}
