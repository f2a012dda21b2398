import type { JSX } from 'react';
import type { Problem } from '../ask/api.ts';
import { ParamControl } from '../controls/param.tsx';
import { Text } from '../show/text.tsx';
import type { ShowView } from '../view/use-view.ts';
import { otherQuestion, searchId, withParam } from '../view/view.ts';
import type { View } from '../view/view.ts';

const tables = ['flows', 'events', 'dns', 'listeners', 'addresses', 'windows'] as const;

interface Props {
  readonly view: View;
  readonly show: ShowView;
  readonly filter: string;
  readonly isLive: boolean;
  /** What is wrong with the filter. */
  readonly problem: Problem | undefined;
  readonly onFilter: (filter: string) => void;
}

/** What is searched, and where. A filter is asked when it is finished: at Enter. */
export function FilterBar({ view, show, filter, isLive, problem, onFilter }: Props): JSX.Element {
  const table = view.params['table'] ?? 'flows';
  /** Another table has other fields: a filter rarely fits, and what it would be is quickly typed. */
  const setTable = (value: string): void => {
    const plain = { ...otherQuestion(view, searchId), params: isLive ? { live: 'true' } : {} };
    show(withParam(plain, { name: 'table', value, unset: 'flows' }));
  };
  return (
    <form
      className="filter"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const text = new FormData(event.currentTarget).get('filter');
        onFilter(typeof text === 'string' ? text.trim() : '');
      }}
    >
      <label>
        <span className="unseen">Filter</span>
        <input
          key={filter}
          name="filter"
          type="search"
          defaultValue={filter}
          placeholder="process.name=curl destination.port>=1024 -connection.state=closed 10.0.0.0/8"
          spellCheck={false}
          autoComplete="off"
          aria-invalid={problem !== undefined}
          aria-describedby={problem === undefined ? undefined : 'filter-problem'}
        />
      </label>
      <ParamControl
        param={{ name: 'table', type: 'choice', description: 'Which rows', default: 'flows', values: tables }}
        value={table}
        onChange={setTable}
      />
      <ParamControl
        param={{
          name: 'live',
          type: 'boolean',
          description: 'Records as the hub receives them',
          default: false,
        }}
        value={String(isLive)}
        onChange={(value) => show(withParam(view, { name: 'live', value, unset: 'false' }))}
      />
      {problem !== undefined && (
        <p id="filter-problem" role="alert">
          ▲ <Text text={problem.title} />
        </p>
      )}
    </form>
  );
}
