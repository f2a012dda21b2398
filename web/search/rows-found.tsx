import { useMemo } from 'react';
import type { JSX } from 'react';
import type { SearchAnswer } from '../../src/question/search/contract.ts';
import { Detail } from '../show/detail.tsx';
import { formatCount } from '../show/format.ts';
import { identify } from '../show/rows.ts';
import { AnswerTable } from '../show/table.tsx';
import type { ShowView } from '../view/use-view.ts';
import { searchUrl, withParam } from '../view/view.ts';
import type { View } from '../view/view.ts';

interface Props {
  readonly answer: SearchAnswer;
  readonly view: View;
  readonly show: ShowView;
  readonly isLive: boolean;
  readonly onTerm: (name: string, value: string) => void;
}

const rowsMax = 1000;

function Summary({ answer, view, show }: Props): JSX.Element {
  const rows = formatCount(answer.rows.length);
  const canMore = view.params['limit'] === undefined;
  return (
    <div className="summary">
      <p>
        {answer.truncated ? (
          <b className="truncated">▲ only the newest {rows} rows. Narrow the filter to see the rest</b>
        ) : (
          <b>{answer.rows.length === 1 ? '1 row' : `${rows} rows`}</b>
        )}
        {answer.truncated && canMore && (
          <button
            type="button"
            className="plain"
            onClick={() => show(withParam(view, { name: 'limit', value: String(rowsMax), unset: '' }))}
          >
            show {formatCount(rowsMax)}
          </button>
        )}
      </p>
      <p>
        <a href={searchUrl(view, 'search')} download="search.json">
          JSON
        </a>
      </p>
    </div>
  );
}

function emptyWords({ coverage }: SearchAnswer, isLive: boolean): readonly [title: string, text: string] {
  if (isLive) return ['Waiting for records', 'What the hub receives is shown as it comes.'];
  if (coverage.nodes.part > 0)
    return ['No such rows', 'Nodes reported, and none of their rows is like this.'];
  return ['Nothing was watched in this range', 'No node reported, so this says nothing about the network.'];
}

export function RowsFound(props: Props): JSX.Element {
  const { answer, view, show, isLive, onTerm } = props;
  const selected = useMemo(() => identify(answer).find(({ id }) => id === view.row), [answer, view.row]);
  const select = (row: string | undefined): void => show({ ...view, row }, 'replace');
  const fields = answer.columns.filter(({ isField }) => isField).map(({ name }) => name);
  const [title, text] = emptyWords(answer, isLive);
  return (
    <div className="rows-of-search">
      {!isLive && <Summary {...props} />}
      <div
        className="rows-and-detail"
        onKeyDown={(event) => {
          if (event.key === 'Escape' && view.row !== undefined) select(undefined);
        }}
      >
        {answer.rows.length === 0 ? (
          <div className="note">
            <h2>{title}</h2>
            <p>{text}</p>
          </div>
        ) : (
          <AnswerTable
            answer={answer}
            glance={answer.glance}
            sort={view.sort}
            selected={view.row}
            onSort={(sort) => show({ ...view, sort }, 'replace')}
            onSelect={select}
            onHover={() => undefined}
          />
        )}
        {selected !== undefined && (
          <Detail
            key={selected.id}
            answer={answer}
            row={selected.row}
            params={fields}
            onNarrow={onTerm}
            onClose={() => select(undefined)}
          />
        )}
      </div>
    </div>
  );
}
