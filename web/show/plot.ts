/** The chart on its canvas: stacked bars, one stack for each bucket. */
import uPlot from 'uplot';
import { formatCount, formatDay, formatMinutes } from './format.ts';
import { stack } from './series.ts';
import type { ChartData } from './series.ts';

export const plotHeightPx = 150;

/** The style sheet has the colours, so that both schemes are in one place. */
export interface Palette {
  readonly lines: readonly string[];
  readonly rest: string;
  /** Of the lines that are not the highlighted one. */
  readonly faded: string;
  readonly grid: string;
  readonly text: string;
}

export function readPalette(of: Element): Palette {
  const style = getComputedStyle(of);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  return {
    lines: [1, 2, 3, 4, 5, 6, 7].map((n) => colour(`--line-${n}`)),
    rest: colour('--line-rest'),
    faded: colour('--line-faded'),
    grid: colour('--grid'),
    text: colour('--muted'),
  };
}

export interface PlotState {
  data: ChartData;
  palette: Palette;
  highlighted: string | undefined;
}

export interface PlotEvents {
  /** The bucket under the pointer. */
  readonly onBucket: (index: number | undefined) => void;
  /** A range was drawn with the pointer; whole buckets. */
  readonly onRange: (fromMs: number, toMs: number) => void;
}

/** Times, then where each line's bars end: on top of those of the lines before it. */
export function plotData(data: ChartData): uPlot.AlignedData {
  const xs = data.timesMs.map((timeMs) => timeMs / 1000);
  return [xs, ...stack(data.lines, xs.length).map((values) => [...values])];
}

function colourOf({ data, palette, highlighted }: PlotState, index: number): string {
  const line = data.lines[index];
  if (line === undefined) return palette.rest;
  if (highlighted !== undefined && line.id !== highlighted) return palette.faded;
  return line.id === '' ? palette.rest : (palette.lines[index] ?? palette.rest);
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its name is in uPlot's types only
const inScaleValues: uPlot.Series.BarsPathBuilderFacetUnit = 1;

/** Bars that begin where the line below ends, so that none shines through another. */
const barPaths = uPlot.paths.bars?.({
  size: [1, Infinity],
  align: 1,
  gap: 1,
  disp: {
    y0: {
      unit: inScaleValues,
      values: (plot, index) => {
        const below = index > 1 ? plot.data[index - 1] : undefined;
        return Array.from(plot.data[index] ?? [], (_, i) => below?.[i] ?? 0);
      },
    },
    y1: {
      unit: inScaleValues,
      values: (plot, index) => Array.from(plot.data[index] ?? [], (value) => value ?? 0),
    },
  },
});

function range(data: ChartData): [number, number] {
  const first = data.timesMs[0] ?? 0;
  const last = data.timesMs.at(-1) ?? first;
  return [first / 1000, (last + data.bucketMs) / 1000];
}

const dayS = 86_400;
const font = '11px system-ui, sans-serif';
/** Between the counts and the bars. */
const countsGapPx = 6;

/** As wide as the longest count, so that none is cut off; not narrower than four digits, to stand still. */
function countsWidthPx(plot: uPlot, labels: readonly string[] | null): number {
  const { ctx } = plot;
  ctx.save();
  ctx.font = font;
  const widest = Math.max(...['0,000', ...(labels ?? [])].map((label) => ctx.measureText(label).width));
  ctx.restore();
  return Math.ceil(widest) + 2 * countsGapPx;
}

function axes(state: PlotState): uPlot.Axis[] {
  const stroke = (): string => state.palette.text;
  const grid = { stroke: () => state.palette.grid, width: 1 };
  const label = (seconds: number, step: number): string =>
    step >= dayS ? formatDay(seconds * 1000) : formatMinutes(seconds * 1000);
  const times: uPlot.Axis = {
    stroke,
    font,
    grid: { show: false },
    ticks: { ...grid, size: 4 },
    size: 24,
    gap: 3,
    space: 70,
    // Labels are to the minute: no two of them may be the same one.
    incrs: [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200].map((min) => min * 60),
    values: (_plot, splits) => splits.map((s) => label(s, (splits[1] ?? 0) - (splits[0] ?? 0))),
  };
  const counts: uPlot.Axis = {
    stroke,
    font,
    grid,
    ticks: { show: false },
    size: countsWidthPx,
    gap: countsGapPx,
    space: 32,
    incrs: [
      1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8, 1e9,
    ],
    values: (_plot, splits) => splits.map(formatCount),
  };
  return [times, counts];
}

export function makePlot(place: HTMLElement, state: PlotState, events: PlotEvents): uPlot {
  const series = state.data.lines.map((_, i): uPlot.Series => ({
    ...(barPaths !== undefined && { paths: barPaths }),
    fill: () => colourOf(state, i),
    stroke: () => colourOf(state, i),
    width: 0,
    points: { show: false },
  }));
  const options: uPlot.Options = {
    width: Math.max(place.clientWidth, 100),
    height: plotHeightPx,
    padding: [8, 20, 0, 0], // half a label of time fits beside the last bucket
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: true, range: () => range(state.data) },
      y: { range: (_plot, _min, max) => [0, Math.max(max, 1) * 1.06] },
    },
    axes: axes(state),
    series: [{}, ...series],
    hooks: {
      setCursor: [(plot) => events.onBucket(bucketAt(plot, state.data))],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const { bucketMs } = state.data;
          const from = Math.floor((plot.posToVal(left, 'x') * 1000) / bucketMs) * bucketMs;
          const to = Math.ceil((plot.posToVal(left + width, 'x') * 1000) / bucketMs) * bucketMs;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          events.onRange(from, to);
        },
      ],
    },
  };
  return new uPlot(options, plotData(state.data), place);
}

/** A bucket begins at its time: the one under the pointer, not the one whose start is nearest. */
function bucketAt(plot: uPlot, data: ChartData): number | undefined {
  const { left } = plot.cursor;
  const first = data.timesMs[0];
  if (left === undefined || left < 0 || first === undefined) return undefined;
  const index = Math.floor((plot.posToVal(left, 'x') * 1000 - first) / data.bucketMs);
  return index >= 0 && index < data.timesMs.length ? index : undefined;
}
