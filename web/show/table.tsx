import { memo, useMemo, useRef, useState } from 'react';
import type { JSX, KeyboardEvent, RefObject } from 'react';
import type { Answer, Column } from '../../src/question/contract.ts';
import type { Sort } from '../view/view.ts';
import { CellValue, CountBar } from './cell.tsx';
import { formatCell, formatCount, isNumeric, numberOf } from './format.ts';
import { pieces } from './plain.ts';
import { identify, nextSort, sortRows } from './rows.ts';
import type { IdentifiedRow, Row } from './rows.ts';

/** Rows drawn at first and with each press of the button: a thousand of twenty columns take a second. */
const rowsAtOnceMax = 200;

function align(column: Column): string {
  return `${isNumeric(column.type) ? 'number ' : ''}type-${column.type}`;
}

function HeadCell({
  column,
  sort,
  onSort,
}: {
  readonly column: Column;
  readonly sort: Sort | undefined;
  readonly onSort: (sort: Sort | undefined) => void;
}): JSX.Element {
  const isSorted = sort?.column === column.name;
  const direction = sort?.descending === true ? 'descending' : 'ascending';
  return (
    <th scope="col" className={align(column)} aria-sort={isSorted ? direction : 'none'}>
      <button
        type="button"
        title={`${column.description}\n(${column.name})`}
        onClick={() => onSort(nextSort(column, sort))}
      >
        {column.title}
        <span className="arrow" aria-hidden="true">
          {isSorted ? (sort.descending ? '▾' : '▴') : ''}
        </span>
      </button>
    </th>
  );
}

interface RowProps {
  readonly id: string;
  readonly row: Row;
  readonly columns: readonly Column[];
  readonly largest: ReadonlyMap<string, number>;
  readonly nearMs: number;
  readonly isSelected: boolean;
  readonly isTabStop: boolean;
}

/** Events are the table's: a row redraws only when it changes. */
const BodyRow = memo(function BodyRow(props: RowProps): JSX.Element {
  const { id, row, columns, largest, nearMs, isSelected, isTabStop } = props;
  return (
    <tr data-row={id} tabIndex={isTabStop ? 0 : -1} aria-current={isSelected ? 'true' : undefined}>
      {columns.map(({ name, type }) => {
        const value = row[name];
        const title =
          type === 'text'
            ? pieces(formatCell(type, value))
                .map((piece) => piece.text)
                .join('')
            : '';
        return (
          <td
            key={name}
            className={`${isNumeric(type) ? 'number ' : ''}type-${type}`}
            title={title || undefined}
          >
            {type === 'count' && <CountBar value={value} largest={largest.get(name) ?? 0} />}
            <CellValue type={type} value={value} nearMs={nearMs} />
          </td>
        );
      })}
    </tr>
  );
});

function largestOf({ columns, rows }: Answer): ReadonlyMap<string, number> {
  const counts = columns.filter(({ type }) => type === 'count');
  return new Map(
    counts.map(({ name }) => [name, rows.reduce((top, row) => Math.max(top, numberOf(row[name]) ?? 0), 0)]),
  );
}

function rowAt(target: EventTarget): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>('tr[data-row]') : null;
}

/** Arrow keys walk the rows, as in a list: one stop for the tabulator key. */
function walk(event: KeyboardEvent, body: RefObject<HTMLTableSectionElement | null>): void {
  const from = rowAt(event.target);
  if (from === null) return;
  const rows = body.current?.rows;
  const to: Readonly<Record<string, Element | null | undefined>> = {
    ArrowDown: from.nextElementSibling,
    ArrowUp: from.previousElementSibling,
    Home: rows?.[0],
    End: rows?.[rows.length - 1],
  };
  const next = to[event.key];
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}

export interface TableProps {
  readonly answer: Answer;
  /** Only the first columns are shown; rows are told apart by all of them. */
  readonly glance?: number;
  readonly sort: Sort | undefined;
  readonly selected: string | undefined;
  readonly onSort: (sort: Sort | undefined) => void;
  readonly onSelect: (id: string | undefined) => void;
  readonly onHover: (id: string | undefined) => void;
}

export function AnswerTable(props: TableProps): JSX.Element {
  const { answer, glance, sort, selected, onSort, onSelect, onHover } = props;
  const columns = useMemo(() => answer.columns.slice(0, glance), [answer, glance]);
  const [shownMax, setShownMax] = useState(rowsAtOnceMax);
  const [focused, setFocused] = useState<string>();
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = useMemo(() => sortRows(identify(answer), columns, sort), [answer, columns, sort]);
  const largest = useMemo(() => largestOf(answer), [answer]);
  const nearMs = Date.parse(answer.to);
  const shown = rows.slice(0, shownMax);
  const has = (id: string | undefined): boolean => shown.some((each: IdentifiedRow) => each.id === id);
  const tabStop = has(focused) ? focused : has(selected) ? selected : shown[0]?.id;
  const choose = (id: string | undefined): void => onSelect(id === selected ? undefined : id);

  return (
    <div className="rows">
      <table>
        <caption className="unseen">{answer.title}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeadCell key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody
          ref={body}
          onClick={(event) => choose(rowAt(event.target)?.dataset['row'])}
          onKeyDown={(event) => {
            walk(event, body);
            if (event.key !== 'Enter' && event.key !== ' ') return;
            event.preventDefault();
            choose(rowAt(event.target)?.dataset['row']);
          }}
          onFocus={(event) => setFocused(rowAt(event.target)?.dataset['row'])}
          onMouseOver={(event) => onHover(rowAt(event.target)?.dataset['row'])}
          onMouseLeave={() => onHover(undefined)}
        >
          {shown.map(({ id, row }) => (
            <BodyRow
              key={id}
              {...{ id, row, columns, largest, nearMs }}
              isSelected={id === selected}
              isTabStop={id === tabStop}
            />
          ))}
        </tbody>
      </table>
      {rows.length > shown.length && (
        <button type="button" className="more" onClick={() => setShownMax(shownMax + rowsAtOnceMax)}>
          Show more: {formatCount(shown.length)} of {formatCount(rows.length)} rows are shown
        </button>
      )}
    </div>
  );
}
