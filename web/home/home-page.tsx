import { useState } from 'react';
import type { JSX } from 'react';
import type { Finding } from '../../src/question/finding.ts';
import type { QuestionSummary } from '../../src/question/contract.ts';
import { askFindings, askOverview } from '../ask/api.ts';
import { useAsked } from '../ask/use-asked.ts';
import { browserClock } from '../clock.ts';
import { Controls } from '../controls/controls.tsx';
import { Freshness } from '../controls/freshness.tsx';
import { refreshMs, shownRange } from '../controls/pace.ts';
import { ProblemNote } from '../problem-note.tsx';
import { CoverageBar } from '../show/coverage.tsx';
import type { ShowView } from '../view/use-view.ts';
import { homeId, overviewUrl } from '../view/view.ts';
import type { View } from '../view/view.ts';
import { Activity } from './activity.tsx';
import { OpenFindings } from './open-findings.tsx';
import { QuestionCards } from './question-cards.tsx';

interface Props {
  /** Undefined until the hub has told them. */
  readonly questions: readonly QuestionSummary[] | undefined;
  readonly view: View;
  readonly show: ShowView;
}

/** To the controls it is a question without parameters of its own. */
const summary: QuestionSummary = { id: homeId, title: 'Overview', asks: '', params: [], columns: [] };

const findingsMax = 1000;
/** What is open now, whenever it began. */
const findingsUrl = `/api/v1/findings?state=open&since=400d&limit=${findingsMax}`;

function openBy(findings: readonly Finding[] | undefined): ReadonlyMap<string, number> {
  const groups = Map.groupBy(findings ?? [], ({ question }) => question);
  return new Map([...groups].map(([question, of]) => [question, of.length]));
}

/** What the page opens with: how the fleet is, what was found, and what can be asked. Nothing heavy. */
export function HomePage({ questions, view, show }: Props): JSX.Element {
  const [isPaused, setPaused] = useState(false);
  const isFixed = 'to' in view.range && Date.parse(view.range.to) <= browserClock.wallMs();
  const everyMs = refreshMs(view.range);
  const asking = { everyMs, isPaused: isPaused || isFixed };
  const [asked, askNow] = useAsked({ url: overviewUrl(view), ask: askOverview, ...asking });
  const [found, lookAgain] = useAsked({ url: findingsUrl, ask: askFindings, everyMs, isPaused });
  const overview = asked.latest?.value;
  const findings = found.latest?.value.findings.filter(({ muted }) => muted === '');
  const isRefused = asked.failure?.problem.isPassing === false;
  const isStale = asked.failure !== undefined || (asked.isPending && asked.latest?.url !== asked.url);
  return (
    <main id="answer" tabIndex={-1} aria-busy={asked.isPending}>
      <header className="asks">
        <div>
          <h1>Overview</h1>
          <p>Which nodes tell, what their connections do, and what was found</p>
        </div>
        <Freshness {...{ asked, everyMs, isPaused, isFixed }} onPause={setPaused} onAsk={askNow} />
      </header>
      <Controls question={summary} {...{ view, show }} shown={shownRange(overview)} answer={undefined} />
      <div className={isStale ? 'answer stale' : 'answer'} data-testid="answer">
        <CoverageBar coverage={overview?.coverage} />
        {(isRefused || overview === undefined) && <ProblemNote failure={asked.failure} onRetry={askNow} />}
        <Activity {...{ overview, view, show }} />
        <div className="home">
          <OpenFindings {...{ findings, questions, show }} failure={found.failure} onRetry={lookAgain} />
          <QuestionCards {...{ questions, view, show }} open={openBy(findings)} />
        </div>
      </div>
    </main>
  );
}
