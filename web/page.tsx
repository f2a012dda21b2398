import { useEffect } from 'react';
import type { JSX } from 'react';
import { AnswerPage } from './answer-page.tsx';
import { askQuestions } from './ask/api.ts';
import { useAsked } from './ask/use-asked.ts';
import { HomePage } from './home/home-page.tsx';
import { ProblemNote } from './problem-note.tsx';
import { Questions } from './questions.tsx';
import { SearchPage } from './search/search-page.tsx';
import { useView } from './view/use-view.ts';
import { homeId, searchId } from './view/view.ts';

/** Questions come and go with the hub's version: looked at now and then. */
const questionsEveryMs = 60_000;

/** Of what is no question. */
const titles: ReadonlyMap<string, string> = new Map([
  [homeId, 'Overview'],
  [searchId, 'Search'],
]);

export function Page(): JSX.Element {
  const [view, show] = useView();
  const [asked, askNow] = useAsked({
    url: '/api/v1/questions',
    ask: askQuestions,
    everyMs: questionsEveryMs,
    isPaused: false,
  });
  const questions = asked.latest?.value.questions;
  const question = questions?.find(({ id }) => id === view.question);

  useEffect(() => {
    const title = titles.get(view.question) ?? question?.title;
    document.title = title === undefined ? 'Sonde' : `${title} · Sonde`;
  }, [question, view.question]);

  return (
    <>
      <a className="skip" href="#answer" onClick={(event) => skip(event)}>
        Skip to the answer
      </a>
      <Questions questions={questions} view={view} show={show} />
      {view.question === homeId ? (
        <HomePage questions={questions} view={view} show={show} />
      ) : view.question === searchId ? (
        <SearchPage view={view} show={show} />
      ) : question !== undefined ? (
        <AnswerPage key={question.id} question={question} view={view} show={show} />
      ) : (
        <main id="answer" tabIndex={-1} className="nothing">
          {questions === undefined ? (
            <ProblemNote failure={asked.failure} onRetry={askNow} />
          ) : (
            <UnknownQuestion id={view.question} isEmpty={questions.length === 0} />
          )}
        </main>
      )}
    </>
  );
}

/** The fragment names the question, so the link must not change it. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById('answer')?.focus();
}

function UnknownQuestion({ id, isEmpty }: { readonly id: string; readonly isEmpty: boolean }): JSX.Element {
  return (
    <div className="note" role="alert">
      <h1>There is no question “{id}”</h1>
      <p>{isEmpty ? 'This hub has no questions at all.' : 'This hub answers those on the left.'}</p>
    </div>
  );
}
