import { useState } from 'react';
import type { JSX } from 'react';
import type { Answer } from '../../src/question/contract.ts';
import { CellValue } from './cell.tsx';
import { formatDay, formatCell, missing, timeOf } from './format.ts';
import { narrowingParam, rowTitle } from './rows.ts';
import type { Row } from './rows.ts';
import { Text } from './text.tsx';

export interface DetailProps {
  readonly answer: Answer;
  readonly row: Row;
  /** What the question can be narrowed by. */
  readonly params: readonly string[];
  readonly onNarrow: (param: string, value: string) => void;
  readonly onClose: () => void;
}

type Copied = 'no' | 'yes' | 'refused';
const copyWords: Readonly<Record<Copied, string>> = {
  no: 'Copy as JSON',
  yes: 'Copied',
  refused: 'The browser refuses to copy',
};

function CopyButton({ row }: { readonly row: Row }): JSX.Element {
  const [copied, setCopied] = useState<Copied>('no');
  const copy = (): void => {
    navigator.clipboard.writeText(JSON.stringify(row, null, 2)).then(
      () => setCopied('yes'),
      () => setCopied('refused'),
    );
  };
  return (
    <button type="button" onClick={copy} onBlur={() => setCopied('no')} aria-live="polite">
      {copyWords[copied]}
    </button>
  );
}

/** All that one row says, in full. */
export function Detail({ answer, row, params, onNarrow, onClose }: DetailProps): JSX.Element {
  // What a row does not say at all is no line of it.
  const shown = answer.columns.filter(({ name }) => row[name] !== undefined);
  return (
    <aside className="detail" aria-label="Details of the row">
      <header>
        <h2>
          <Text text={rowTitle(row, answer.columns)} />
        </h2>
        <button type="button" className="close" aria-label="Close details" onClick={onClose}>
          ✕
        </button>
      </header>
      <dl>
        {shown.map(({ name, title, type, description }) => {
          const value = row[name];
          const timeMs = type === 'time' ? timeOf(value) : undefined;
          const param = narrowingParam(name, params);
          const text = formatCell(type, value);
          const canNarrow = param !== undefined && text !== missing;
          return (
            <div key={name}>
              <dt title={description}>
                {title} <code>{name}</code>
              </dt>
              <dd className={`type-${type}`}>
                <span>
                  {timeMs !== undefined && `${formatDay(timeMs)} `}
                  <CellValue type={type} value={value} nearMs={timeMs ?? 0} />
                </span>
                {canNarrow && (
                  <button
                    type="button"
                    className="narrow"
                    title={`Ask again with ${param} = this`}
                    onClick={() => onNarrow(param, String(value))}
                  >
                    only this
                  </button>
                )}
              </dd>
            </div>
          );
        })}
      </dl>
      <footer>
        <CopyButton row={row} />
      </footer>
    </aside>
  );
}
