import { useMemo, useState } from 'react';
import type { JSX } from 'react';
import type { Overview } from '../../src/question/overview.ts';
import { termOf } from '../../src/question/search/term.ts';
import { Chart } from '../show/chart.tsx';
import { sum } from '../show/rows.ts';
import type { ChartData } from '../show/series.ts';
import type { ShowView } from '../view/use-view.ts';
import { otherQuestion, searchId } from '../view/view.ts';
import type { View } from '../view/view.ts';

interface Props {
  readonly overview: Overview | undefined;
  readonly view: View;
  readonly show: ShowView;
}

interface Charts {
  readonly opened: ChartData;
  readonly failed: ChartData;
}

function chartsOf({ from, bucketMs, opened, failed }: Overview): Charts {
  const timesMs = opened.map((_, i) => Date.parse(from) + i * bucketMs);
  const one = { id: 'opened', title: 'connections', values: opened, total: sum(opened) };
  const lines = failed.map(({ state, connections, byBucket }) => ({
    id: state,
    title: state,
    values: byBucket,
    total: connections,
  }));
  return {
    opened: { title: 'Opened', timesMs, bucketMs, lines: [one] },
    failed: { title: 'Failed or reset', timesMs, bucketMs, lines },
  };
}

/** How many connections were opened and how many failed, over the range. A state leads to its rows. */
export function Activity({ overview, view, show }: Props): JSX.Element {
  const [hovered, setHovered] = useState<string>();
  const charts = useMemo(() => (overview === undefined ? undefined : chartsOf(overview)), [overview]);
  if (charts === undefined) {
    return (
      <div className="charts">
        <div className="chart" />
        <div className="chart" />
      </div>
    );
  }
  const onRange = (fromMs: number, toMs: number): void => {
    show({ ...view, range: { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() } });
  };
  const search = (state: string | undefined): void => {
    if (state === undefined) return;
    show({ ...otherQuestion(view, searchId), params: { filter: termOf('connection.state', state) } });
  };
  const isDrawn = charts.failed.lines.some(({ id }) => id === hovered);
  return (
    <div className="charts">
      <Chart
        data={charts.opened}
        highlighted={undefined}
        selected={undefined}
        onHover={() => undefined}
        onSelect={() => show(otherQuestion(view, searchId))}
        onRange={onRange}
      />
      <Chart
        data={charts.failed}
        highlighted={isDrawn ? hovered : undefined}
        selected={undefined}
        onHover={setHovered}
        onSelect={search}
        onRange={onRange}
      />
    </div>
  );
}
