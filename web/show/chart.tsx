import { useEffect, useRef, useState } from 'react';
import type { JSX } from 'react';
import type uPlot from 'uplot';
import { formatCount, formatDay, formatMinutes } from './format.ts';
import { makePlot, plotData, plotHeightPx, readPalette } from './plot.ts';
import type { PlotEvents, PlotState } from './plot.ts';
import type { ChartData, Line } from './series.ts';
import { Text } from './text.tsx';

export interface ChartProps {
  readonly data: ChartData;
  readonly highlighted: string | undefined;
  readonly selected: string | undefined;
  readonly onHover: (id: string | undefined) => void;
  readonly onSelect: (id: string | undefined) => void;
  readonly onRange: (fromMs: number, toMs: number) => void;
}

/** Changes of the colour scheme, so that the canvas follows the style sheet. */
function useScheme(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    const onChange = (): void => setChanges((count) => count + 1);
    dark.addEventListener('change', onChange);
    return () => dark.removeEventListener('change', onChange);
  }, []);
  return changes;
}

function usePlot(
  { data, highlighted }: ChartProps,
  events: PlotEvents,
): React.RefObject<HTMLDivElement | null> {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const state = useRef<PlotState>(null);
  const latest = useRef(events);
  const scheme = useScheme();
  const lines = data.lines.length;

  useEffect(() => {
    latest.current = events;
  });

  // One plot for as long as there are as many lines; new numbers are put into it.
  useEffect(() => {
    const here = place.current;
    if (here === null) return undefined;
    state.current = { data, palette: readPalette(here), highlighted };
    const made = makePlot(here, state.current, {
      onBucket: (index) => latest.current.onBucket(index),
      onRange: (fromMs, toMs) => latest.current.onRange(fromMs, toMs),
    });
    plot.current = made;
    const sizes = new ResizeObserver(() => {
      made.setSize({ width: Math.max(here.clientWidth, 100), height: plotHeightPx });
    });
    sizes.observe(here);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
    // `data` and `highlighted` of later renders are put in by the effects below.
  }, [lines, scheme]);

  useEffect(() => {
    if (state.current === null) return;
    state.current.data = data;
    plot.current?.setData(plotData(data));
  }, [data]);

  useEffect(() => {
    if (state.current === null) return;
    state.current.highlighted = highlighted;
    // The bars keep their colours in their paths, so these are made again.
    plot.current?.redraw();
  }, [highlighted]);

  return place;
}

function bucketLabel(data: ChartData, index: number): string {
  const fromMs = data.timesMs[index] ?? 0;
  const times = `${formatMinutes(fromMs)} – ${formatMinutes(fromMs + data.bucketMs)}`;
  return `${formatDay(fromMs)} ${times}`;
}

function LegendLine({
  line,
  index,
  bucket,
  props,
}: {
  readonly line: Line;
  readonly index: number;
  readonly bucket: number | undefined;
  readonly props: ChartProps;
}): JSX.Element {
  const { highlighted, selected, onHover, onSelect } = props;
  const isRest = line.id === '';
  const classes = [
    isRest ? 'line-rest' : `line-${index + 1}`,
    highlighted !== undefined && highlighted !== line.id ? 'faded' : '',
  ];
  const value = bucket === undefined ? line.total : (line.values[bucket] ?? 0);
  return (
    <li className={classes.join(' ')}>
      <button
        type="button"
        disabled={isRest}
        aria-pressed={selected === line.id}
        onClick={() => onSelect(selected === line.id ? undefined : line.id)}
        onMouseEnter={() => onHover(isRest ? undefined : line.id)}
        onMouseLeave={() => onHover(undefined)}
      >
        <i className="swatch" />
        <span className="name">
          <Text text={line.title} />
        </span>
        <span className="value">{formatCount(value)}</span>
      </button>
    </li>
  );
}

/** The rows' series over the range. The table below says the same in numbers. */
export function Chart(props: ChartProps): JSX.Element {
  const { data, onRange } = props;
  const [bucket, setBucket] = useState<number>();
  const place = usePlot(props, { onBucket: setBucket, onRange });
  const total = data.lines.reduce((all, line) => all + line.total, 0);
  return (
    <figure className="chart" aria-label={`${data.title} over time: ${formatCount(total)} in all`}>
      <div className="plot" ref={place} title="Draw over a range to ask about it" />
      <figcaption>
        <p>
          {data.title}
          <span>{bucket === undefined ? 'in all' : bucketLabel(data, bucket)}</span>
        </p>
        <ol>
          {data.lines.map((line, index) => (
            <LegendLine key={line.id} {...{ line, index, bucket, props }} />
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
