import type { JSX } from 'react';
import type { Facet } from '../../src/question/search/contract.ts';
import { termOf, withoutTerm, withTerm } from '../../src/question/search/term.ts';
import { formatCount, missing } from '../show/format.ts';
import { Text } from '../show/text.tsx';

interface Props {
  readonly facets: readonly Facet[] | undefined;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
}

function has(filter: string, term: string): boolean {
  return withTerm(filter, term) === filter;
}

function FacetGroup({ facet, filter, onFilter }: Props & { readonly facet: Facet }): JSX.Element {
  const { field, different, rows, values } = facet;
  const more = different - values.length;
  return (
    <section>
      <h2>{field}</h2>
      <ul>
        {values.map(({ value, rows: count }) => {
          const term = termOf(field, value);
          const isOn = has(filter, term);
          return (
            <li key={value}>
              <button
                type="button"
                aria-pressed={isOn}
                title={isOn ? `Without ${term}` : `Only ${term}`}
                onClick={() => onFilter(isOn ? withoutTerm(filter, term) : withTerm(filter, term))}
              >
                <i className="share" style={{ width: `${rows === 0 ? 0 : (count / rows) * 100}%` }} />
                <span className="value">{value === '' ? missing : <Text text={value} />}</span>
                <span className="count">{formatCount(count)}</span>
              </button>
              <button
                type="button"
                className="not"
                aria-label={`Not ${term}`}
                title={`Not ${term}`}
                onClick={() => onFilter(withTerm(withoutTerm(filter, term), `-${term}`))}
              >
                ≠
              </button>
            </li>
          );
        })}
      </ul>
      {more > 0 && <p>and {formatCount(more)} more</p>}
    </section>
  );
}

/** What the rows have: each value is a term for the filter. */
export function FacetList(props: Props): JSX.Element {
  const seen = props.facets?.filter(({ values }) => values.length > 0) ?? [];
  return (
    <aside className="facets" aria-label="Values">
      {seen.map((facet) => (
        <FacetGroup key={facet.field} facet={facet} {...props} />
      ))}
    </aside>
  );
}
