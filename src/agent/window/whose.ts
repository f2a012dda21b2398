/** Whether two rows are of the same owner, by its labels: made into one text once for each owner. */

import type { ProcessLabels } from '../../model/record.ts';

const identities = new WeakMap<ProcessLabels, string>();

export function whose(process: ProcessLabels): string {
  const known = identities.get(process);
  if (known !== undefined) return known;
  const identity = JSON.stringify(Object.entries(process).sort(([a], [b]) => (a < b ? -1 : 1)));
  identities.set(process, identity);
  return identity;
}
