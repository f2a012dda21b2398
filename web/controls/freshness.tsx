import type { JSX } from 'react';
import type { Asked, Failure } from '../ask/asking.ts';
import { formatClock } from '../show/format.ts';

interface Props {
  readonly asked: Asked<unknown>;
  readonly everyMs: number;
  readonly isPaused: boolean;
  /** The range ends in the past: the answer does not change. */
  readonly isFixed: boolean;
  readonly onPause: (isPaused: boolean) => void;
  readonly onAsk: () => void;
}

function failureWords({ problem, sinceMs, nextMs }: Failure): string {
  const next = nextMs === undefined ? '' : `, trying again at ${formatClock(nextMs)}`;
  return `${problem.title} since ${formatClock(sinceMs)}${next}`;
}

/** One line that is always there, so that nothing moves when the hub goes away and comes back. */
export function Freshness(props: Props): JSX.Element {
  const { asked, everyMs, isPaused, isFixed, onPause, onAsk } = props;
  const { latest, failure } = asked;
  const isAway = failure?.problem.isPassing === true;
  const answered = latest === undefined ? '' : formatClock(latest.atMs);
  const every = `every ${Math.round(everyMs / 1000)} s`;
  return (
    <div className={`freshness ${isAway ? 'away' : ''}`}>
      <p role="status">
        {isAway ? (
          <>
            <b>▲ {failureWords(failure)}</b>
            {answered !== '' && <span>this is the answer of {answered}</span>}
          </>
        ) : (
          answered !== '' && `answered ${answered}${isFixed ? '' : isPaused ? ', paused' : `, ${every}`}`
        )}
      </p>
      <button type="button" onClick={onAsk}>
        {isAway ? 'Try now' : 'Ask now'}
      </button>
      {!isFixed && (
        <button type="button" aria-pressed={isPaused} onClick={() => onPause(!isPaused)}>
          {isPaused ? 'Resume' : 'Pause'}
        </button>
      )}
    </div>
  );
}
