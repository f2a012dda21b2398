import type { JSX } from 'react';
import type { Failure } from './ask/asking.ts';
import { formatClock } from './show/format.ts';
import { Text } from './show/text.tsx';

interface Props {
  readonly failure: Failure | undefined;
  readonly onRetry: () => void;
}

/** Stands where an answer would, while there is none. */
export function ProblemNote({ failure, onRetry }: Props): JSX.Element | null {
  if (failure === undefined) return null;
  const { problem, sinceMs, nextMs } = failure;
  return (
    <div className="note" role="alert">
      <h2>
        <Text text={problem.title} />
      </h2>
      {problem.detail !== '' && problem.detail !== problem.title && (
        <p>
          <Text text={problem.detail} />
        </p>
      )}
      {problem.whatToDo !== '' && (
        <p>
          <Text text={problem.whatToDo} />
        </p>
      )}
      {nextMs !== undefined && (
        <p>
          Since {formatClock(sinceMs)}; trying again at {formatClock(nextMs)}.
        </p>
      )}
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}
