import type { JSX } from 'react';
import type { Cell as Value, Column } from '../../src/question/contract.ts';
import { formatCell, formatTime, formatUtc, missing, numberOf, seriesOf, timeOf } from './format.ts';
import { Sparkline } from './sparkline.tsx';
import { StateMark } from './state-mark.tsx';
import { Text } from './text.tsx';

interface Props {
  readonly type: Column['type'];
  readonly value: Value | undefined;
  /** The end of the answer's range: a time of that day needs no date. */
  readonly nearMs: number;
}

/** What stands in a cell, by the column's type; the detail panel shows the same. */
export function CellValue({ type, value, nearMs }: Props): JSX.Element {
  const series = seriesOf(value);
  if (series !== undefined) return <Sparkline values={series} />;
  const timeMs = type === 'time' ? timeOf(value) : undefined;
  if (timeMs !== undefined) {
    return (
      <time dateTime={new Date(timeMs).toISOString()} title={formatUtc(timeMs)}>
        {formatTime(timeMs, nearMs)}
      </time>
    );
  }
  const text = formatCell(type, value);
  if (text === missing) return <span className="missing">{missing}</span>;
  return type === 'state' ? <StateMark state={text} /> : <Text text={text} />;
}

interface BarProps {
  readonly value: Value | undefined;
  readonly largest: number;
}

/** A count's bar is its part of the column's largest. */
export function CountBar({ value, largest }: BarProps): JSX.Element | null {
  const part = largest > 0 ? (numberOf(value) ?? 0) / largest : 0;
  return part > 0 ? <i className="bar" style={{ width: `${Math.max(part * 100, 1.5)}%` }} /> : null;
}
