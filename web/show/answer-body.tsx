import { useMemo, useState } from 'react';
import type { JSX } from 'react';
import type { Answer, Coverage, QuestionSummary } from '../../src/question/contract.ts';
import type { ShowView } from '../view/use-view.ts';
import { answerUrl, withParam } from '../view/view.ts';
import type { View } from '../view/view.ts';
import { Chart } from './chart.tsx';
import { Detail } from './detail.tsx';
import { formatCount, formatDay, formatRatio, formatTime } from './format.ts';
import { identify } from './rows.ts';
import { chartData } from './series.ts';
import { AnswerTable } from './table.tsx';

interface Props {
  readonly question: QuestionSummary;
  readonly answer: Answer;
  readonly view: View;
  readonly show: ShowView;
}

const scopeParams = ['host', 'environment'] as const;

/** The view in which the question is asked of this value only. */
function narrowed(view: View, question: QuestionSummary, name: string, value: string): View {
  if (name === 'host' || name === 'environment') return { ...view, [name]: value, row: undefined };
  const param = question.params.find((each) => each.name === name);
  return withParam(view, { name, value, unset: String(param?.default ?? '') });
}

export function AnswerBody({ question, answer, view, show }: Props): JSX.Element {
  const [hovered, setHovered] = useState<string>();
  const chart = useMemo(() => chartData(answer), [answer]);
  const selected = useMemo(() => identify(answer).find(({ id }) => id === view.row), [answer, view.row]);
  const select = (row: string | undefined): void => show({ ...view, row }, 'replace');
  const params = [...scopeParams, ...question.params.map(({ name }) => name)];
  const highlighted = chart?.lines.some(({ id }) => id === hovered) === true ? hovered : selected?.id;
  const isDrawn = chart?.lines.some(({ id }) => id === highlighted) === true;

  return (
    <>
      {chart !== undefined && (
        <Chart
          data={chart}
          highlighted={isDrawn ? highlighted : undefined}
          selected={view.row}
          onHover={setHovered}
          onSelect={select}
          onRange={(fromMs, toMs) => {
            const range = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
            show({ ...view, range });
          }}
        />
      )}
      <Summary answer={answer} view={view} />
      <div
        className="rows-and-detail"
        onKeyDown={(event) => {
          if (event.key === 'Escape' && view.row !== undefined) select(undefined);
        }}
      >
        {answer.rows.length === 0 ? (
          <Empty answer={answer} />
        ) : (
          <AnswerTable
            answer={answer}
            sort={view.sort}
            selected={view.row}
            onSort={(sort) => show({ ...view, sort }, 'replace')}
            onSelect={select}
            onHover={setHovered}
          />
        )}
        {selected !== undefined && (
          <Detail
            key={selected.id}
            answer={answer}
            row={selected.row}
            params={params}
            onNarrow={(name, value) => show(narrowed(view, question, name, value))}
            onClose={() => select(undefined)}
          />
        )}
      </div>
    </>
  );
}

function Summary({ answer, view }: { readonly answer: Answer; readonly view: View }): JSX.Element {
  const [fromMs, toMs] = [Date.parse(answer.from), Date.parse(answer.to)];
  const rows = formatCount(answer.rows.length);
  return (
    <div className="summary">
      <p>
        {answer.truncated ? (
          <b className="truncated">
            ▲ only the first {rows} rows: there are more than the limit. Narrow the question to see the rest.
          </b>
        ) : (
          <b>{answer.rows.length === 1 ? '1 row' : `${rows} rows`}</b>
        )}{' '}
        <span title={`${answer.from} to ${answer.to}`}>
          {formatDay(fromMs)} {formatTime(fromMs, fromMs)} – {formatTime(toMs, fromMs)}
        </span>
      </p>
      <p>
        <a href={answerUrl(view, 'csv')} download={`${answer.question}.csv`}>
          CSV
        </a>{' '}
        <a href={answerUrl(view, 'json')} download={`${answer.question}.json`}>
          JSON
        </a>
      </p>
    </div>
  );
}

/** Nothing to report and nothing seen are different answers. */
function emptyWords({ nodes, smallest }: Coverage): readonly [title: string, text: string] {
  if (nodes.part === 0 || smallest === null) {
    return [
      'Nothing was watched in this range',
      'No node reported, so this says nothing about the network. Is an agent running: sonde up?',
    ];
  }
  const text =
    smallest >= 0.99
      ? 'Sonde watched the range, and nothing in it answers this question.'
      : `Sonde saw ${formatRatio(smallest)} at the least: the rest is where it may have been.`;
  return ['Nothing in this range', text];
}

function Empty({ answer }: { readonly answer: Answer }): JSX.Element {
  const [title, text] = emptyWords(answer.coverage);
  return (
    <div className="note">
      <h2>{title}</h2>
      <p>{text}</p>
    </div>
  );
}
