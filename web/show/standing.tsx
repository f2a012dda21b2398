import type { JSX } from 'react';
import type { Answer } from '../../src/question/contract.ts';
import { standingText } from '../../src/question/standing.ts';
import { formatTime } from './format.ts';
import { Text } from './text.tsx';

/** How the question's detectors stand: what is not found before one is armed says nothing. */
export function Standing({ answer }: { readonly answer: Answer | undefined }): JSX.Element | null {
  if (answer?.detectors === undefined) return null;
  const nearMs = Date.parse(answer.answeredAt);
  return (
    <ul className="standing" aria-label="Detectors">
      {answer.detectors.map((status) => (
        <li key={status.finds} className={status.findings > 0 ? 'open' : undefined}>
          <Text text={standingText(status, (at) => formatTime(Date.parse(at), nearMs))} />
        </li>
      ))}
    </ul>
  );
}
