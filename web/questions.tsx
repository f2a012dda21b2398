import type { JSX } from 'react';
import type { QuestionSummary } from '../src/question/contract.ts';
import { PageLink } from './page-link.tsx';
import type { ShowView } from './view/use-view.ts';
import { homeId, otherQuestion, searchId } from './view/view.ts';
import type { View } from './view/view.ts';

interface Props {
  readonly questions: readonly QuestionSummary[] | undefined;
  readonly view: View;
  readonly show: ShowView;
}

/** The page's own, before the questions. */
const places = [
  { id: homeId, title: 'Overview', asks: 'Nodes, connections and findings' },
  { id: searchId, title: 'Search', asks: 'Rows by any label, and live' },
] as const;

export function Questions({ questions, view, show }: Props): JSX.Element {
  return (
    <nav aria-label="Questions">
      <p className="brand">
        <img src="/sonde.svg" alt="" width="18" height="18" /> Sonde
      </p>
      <ul>
        {[...places, ...(questions ?? [])].map(({ id, title, asks }) => (
          <li key={id}>
            <PageLink
              there={otherQuestion(view, id)}
              show={show}
              isCurrent={id === view.question}
              title={asks}
            >
              <b>{title}</b>
              <span>{asks}</span>
            </PageLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
