import { useMemo, useState } from 'react';
import type { JSX } from 'react';
import type { QuestionSummary } from '../../src/question/contract.ts';
import { termOf, withTerm } from '../../src/question/search/term.ts';
import { askFacets, askSearch } from '../ask/api.ts';
import { useAsked } from '../ask/use-asked.ts';
import { browserClock } from '../clock.ts';
import { Controls } from '../controls/controls.tsx';
import { Freshness } from '../controls/freshness.tsx';
import { refreshMs, shownRange } from '../controls/pace.ts';
import { ProblemNote } from '../problem-note.tsx';
import { CoverageBar } from '../show/coverage.tsx';
import type { ShowView } from '../view/use-view.ts';
import { searchId, searchUrl, withParam } from '../view/view.ts';
import type { View } from '../view/view.ts';
import { FacetList } from './facet-list.tsx';
import { FilterBar } from './filter-bar.tsx';
import { RowsFound } from './rows-found.tsx';
import { TailStatus } from './tail-status.tsx';
import { useTail } from './use-tail.ts';

interface Props {
  readonly view: View;
  readonly show: ShowView;
}

/** To the controls it is a question without parameters of its own: those are in the bar. */
const summary: QuestionSummary = { id: searchId, title: 'Search', asks: '', params: [], columns: [] };

/** What is known of the search that the view says: of its rows, its values, and its tail where it is live. */
function useSearch(view: View) {
  const [isPaused, setPaused] = useState(false);
  const isLive = view.params['live'] === 'true';
  const isFixed = 'to' in view.range && Date.parse(view.range.to) <= browserClock.wallMs();
  const everyMs = refreshMs(view.range);
  const asking = { everyMs, isPaused: isPaused || isFixed || isLive };
  const [asked, askNow] = useAsked({ url: searchUrl(view, 'search'), ask: askSearch, ...asking });
  const [facets] = useAsked({ url: searchUrl(view, 'facets'), ask: askFacets, ...asking });
  const tailed = useTail(isLive ? searchUrl(view, 'tail') : undefined);
  const answer = asked.latest?.value;
  const found = useMemo(() => {
    if (!isLive || answer === undefined) return answer;
    const { rows, columns, glance } = tailed;
    return { ...answer, rows, columns, glance, truncated: false, next: null };
  }, [answer, isLive, tailed]);
  const isStale = asked.failure !== undefined || (asked.isPending && asked.latest?.url !== asked.url);
  const freshness = { asked, everyMs, isPaused, isFixed, onPause: setPaused, onAsk: askNow };
  return {
    isLive,
    isStale: isStale && !isLive,
    freshness,
    tailed,
    answer,
    found,
    facets: facets.latest?.value.facets,
  };
}

/** Rows by any label: a filter, what it lets through, and the values that it can be narrowed by. */
export function SearchPage({ view, show }: Props): JSX.Element {
  const { isLive, isStale, freshness, tailed, answer, found, facets } = useSearch(view);
  const { asked, onAsk } = freshness;
  const refused = asked.failure?.problem.isPassing === false ? asked.failure.problem : undefined;
  const filter = view.params['filter'] ?? '';
  const setFilter = (next: string): void => show(withParam(view, { name: 'filter', value: next, unset: '' }));

  return (
    <main id="answer" tabIndex={-1} aria-busy={asked.isPending}>
      <header className="asks">
        <div>
          <h1>Search</h1>
          <p>Rows as they were told, newest first</p>
        </div>
        {isLive ? <TailStatus tailed={tailed} /> : <Freshness {...freshness} />}
      </header>
      <FilterBar {...{ view, show, filter, isLive }} problem={refused} onFilter={setFilter} />
      <Controls question={summary} {...{ view, show, answer }} shown={shownRange(answer)} />
      <div className={isStale ? 'answer stale' : 'answer'} data-testid="answer">
        {!isLive && <CoverageBar coverage={answer?.coverage} />}
        {found === undefined ? (
          <ProblemNote failure={refused === undefined ? asked.failure : undefined} onRetry={onAsk} />
        ) : (
          <div className="found">
            <FacetList {...{ facets, filter }} onFilter={setFilter} />
            <RowsFound
              {...{ view, show, isLive }}
              answer={found}
              onTerm={(name, value) => setFilter(withTerm(filter, termOf(name, value)))}
            />
          </div>
        )}
      </div>
    </main>
  );
}
