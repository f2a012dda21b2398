/** What a closing record says of the agent itself. */

import { lowest, type Step } from '../model/budget.ts';
import type { WindowRecord } from '../model/record.ts';
import type { Vitals } from '../model/vitals.ts';

export interface SelfParts {
  readonly budget: {
    status(): Pick<Vitals, 'step' | 'usage'>;
    /** Steps taken since it was asked last. */
    takeMoves(): readonly { readonly from: Step; readonly to: Step }[];
  };
  readonly delivery: {
    status(): Readonly<Record<string, Pick<Vitals['exporters'][string], 'behindRecords'>>>;
  };
}

type Self = Pick<WindowRecord, 'budget.step' | 'budget.cpu' | 'budget.memory' | 'exporters.behind'>;

/** The lowest step since it was asked for last; the rest as it stands. */
export function selfLabels({ budget, delivery }: SelfParts): Self {
  const { step: last, usage } = budget.status();
  const step = lowest([last, ...budget.takeMoves().flatMap(({ from, to }) => [from, to])]);
  const exporters = Object.entries(delivery.status());
  return {
    ...(step === 'everything' ? {} : { 'budget.step': step }),
    ...(usage && {
      'budget.cpu': Math.round((usage.agentCpu + usage.programsCpu) * 1e6) / 1e6,
      'budget.memory': usage.agentBytes + usage.mapBytes,
    }),
    ...(exporters.length > 0 && {
      'exporters.behind': Object.fromEntries(
        exporters.map(([name, { behindRecords }]) => [name, behindRecords] as const),
      ),
    }),
  };
}
