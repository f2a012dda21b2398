import { useMemo, useState } from 'react';
import type { JSX } from 'react';
import type { QuestionSummary } from '../src/question/contract.ts';
import { askAnswer } from './ask/api.ts';
import { useAsked } from './ask/use-asked.ts';
import { browserClock } from './clock.ts';
import { Controls } from './controls/controls.tsx';
import { Freshness } from './controls/freshness.tsx';
import { refreshMs, shownRange } from './controls/pace.ts';
import { ProblemNote } from './problem-note.tsx';
import { AnswerBody } from './show/answer-body.tsx';
import { CoverageBar } from './show/coverage.tsx';
import { Standing } from './show/standing.tsx';
import type { ShowView } from './view/use-view.ts';
import { answerUrl } from './view/view.ts';
import type { View } from './view/view.ts';

interface Props {
  readonly question: QuestionSummary;
  readonly view: View;
  readonly show: ShowView;
}

/** One question: what it asks, how it is asked now, what it rests on, and its answer. */
export function AnswerPage({ question, view, show }: Props): JSX.Element {
  const [isPaused, setPaused] = useState(false);
  const isFixed = 'to' in view.range && Date.parse(view.range.to) <= browserClock.wallMs();
  const everyMs = refreshMs(view.range);
  const [asked, askNow] = useAsked({
    url: answerUrl(view),
    ask: askAnswer,
    everyMs,
    isPaused: isPaused || isFixed,
  });
  const answer = asked.latest?.value;
  const isRefused = asked.failure?.problem.isPassing === false;
  const isStale = asked.failure !== undefined || (asked.isPending && asked.latest?.url !== asked.url);
  const shown = useMemo(() => shownRange(answer), [answer]);
  return (
    <main id="answer" tabIndex={-1} aria-busy={asked.isPending}>
      <header className="asks">
        <div>
          <h1>{question.title}</h1>
          <p title={question.asks}>{question.asks}</p>
        </div>
        <Freshness {...{ asked, everyMs, isPaused, isFixed }} onPause={setPaused} onAsk={askNow} />
      </header>
      <Controls {...{ question, view, show, shown, answer }} />
      <div className={isStale ? 'answer stale' : 'answer'} data-testid="answer">
        <CoverageBar coverage={answer?.coverage} />
        <Standing answer={answer} />
        {isRefused && <ProblemNote failure={asked.failure} onRetry={askNow} />}
        {answer === undefined ? (
          <Waiting question={question} />
        ) : (
          <AnswerBody {...{ question, answer, view, show }} />
        )}
        {answer === undefined && !isRefused && <ProblemNote failure={asked.failure} onRetry={askNow} />}
      </div>
    </main>
  );
}

/** As high as what will stand here, so that nothing jumps when it comes. */
function Waiting({ question }: { readonly question: QuestionSummary }): JSX.Element {
  return (
    <>
      {question.columns.some(({ type }) => type === 'series') && <div className="chart waiting" />}
      <p className="waiting unseen">Asking</p>
    </>
  );
}
