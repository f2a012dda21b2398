import type { JSX } from 'react';
import type { Range } from '../view/view.ts';
import { localInput, readLocalInput } from './local-time.ts';

const spans = ['5m', '15m', '1h', '6h', '24h', '7d'] as const;

interface Props {
  readonly range: Range;
  /** What the answer on the page is about: where a custom range begins. */
  readonly shown: { readonly fromMs: number; readonly toMs: number };
  readonly onChange: (range: Range) => void;
}

function CustomRange({
  range,
  onChange,
}: {
  readonly range: { readonly from: string; readonly to: string };
  readonly onChange: (range: Range) => void;
}): JSX.Element {
  const edit = (end: 'from' | 'to', text: string): void => {
    const timeMs = readLocalInput(text);
    if (timeMs !== undefined) onChange({ ...range, [end]: new Date(timeMs).toISOString() });
  };
  const input = (end: 'from' | 'to'): JSX.Element => (
    <label>
      {end}
      <input
        type="datetime-local"
        step={1}
        key={range[end]}
        defaultValue={localInput(Date.parse(range[end]))}
        onBlur={(event) => edit(end, event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') edit(end, event.currentTarget.value);
        }}
      />
    </label>
  );
  return (
    <span className="custom">
      {input('from')}
      {input('to')}
    </span>
  );
}

export function RangePicker({ range, shown, onChange }: Props): JSX.Element {
  const since = 'since' in range ? range.since : undefined;
  const odd = since !== undefined && !spans.some((span) => span === since);
  const begin = (): void => {
    onChange({ from: new Date(shown.fromMs).toISOString(), to: new Date(shown.toMs).toISOString() });
  };
  return (
    <div className="range" role="group" aria-label="Range">
      <span className="segments">
        {[...spans, ...(odd ? [since] : [])].map((span) => (
          <button
            key={span}
            type="button"
            aria-pressed={span === since}
            onClick={() => onChange({ since: span })}
          >
            {span}
          </button>
        ))}
        <button type="button" aria-pressed={since === undefined} onClick={begin}>
          custom
        </button>
      </span>
      {'from' in range && <CustomRange range={range} onChange={onChange} />}
    </div>
  );
}
