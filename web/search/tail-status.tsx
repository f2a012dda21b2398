import type { JSX } from 'react';
import { formatCount } from '../show/format.ts';
import { tailedMax } from './tailing.ts';
import type { Tailed } from './tailing.ts';

/** Stands where freshness does. */
export function TailStatus({ tailed }: { readonly tailed: Tailed }): JSX.Element {
  const { isOpen, told, lost, problem } = tailed;
  const kept = told > tailedMax ? `, the last ${formatCount(tailedMax)} are shown` : '';
  return (
    <div className={`freshness ${problem === undefined ? '' : 'away'}`}>
      <p role="status">
        {problem !== undefined ? (
          <>
            <b>▲ {problem.title}</b>
            {told > 0 && <span>{formatCount(told)} records until then</span>}
          </>
        ) : isOpen ? (
          <>
            <em>live</em>
            {` ${formatCount(told)} ${told === 1 ? 'record' : 'records'}${kept}`}
            {lost > 0 && <strong> ▲ {formatCount(lost)} came too fast</strong>}
          </>
        ) : (
          'opening'
        )}
      </p>
    </div>
  );
}
