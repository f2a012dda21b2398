import type { JSX, MouseEvent } from 'react';
import type { QuestionSummary } from '../src/question/contract.ts';
import type { ShowView } from './view/use-view.ts';
import { otherQuestion, pageUrl, searchId } from './view/view.ts';
import type { View } from './view/view.ts';

interface Props {
  readonly questions: readonly QuestionSummary[] | undefined;
  readonly view: View;
  readonly show: ShowView;
}

/** Real links, so that they open in other tabs; a plain click stays on the page. */
function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

interface LinkProps {
  readonly id: string;
  readonly title: string;
  readonly asks: string;
  readonly view: View;
  readonly show: ShowView;
}

function QuestionLink({ id, title, asks, view, show }: LinkProps): JSX.Element {
  const there = otherQuestion(view, id);
  return (
    <li>
      <a
        href={pageUrl(there)}
        aria-current={id === view.question ? 'page' : undefined}
        title={asks}
        onClick={(event) => {
          if (!isPlainClick(event)) return;
          event.preventDefault();
          if (id !== view.question) show(there);
        }}
      >
        <b>{title}</b>
        <span>{asks}</span>
      </a>
    </li>
  );
}

export function Questions({ questions, view, show }: Props): JSX.Element {
  return (
    <nav aria-label="Questions">
      <p className="brand">
        <img src="/sonde.svg" alt="" width="18" height="18" /> Sonde
      </p>
      <ul>
        <QuestionLink id={searchId} title="Search" asks="Rows by any label, and live" {...{ view, show }} />
        {questions?.map(({ id, title, asks }) => (
          <QuestionLink key={id} {...{ id, title, asks, view, show }} />
        ))}
      </ul>
    </nav>
  );
}
