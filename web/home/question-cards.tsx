import type { JSX } from 'react';
import type { QuestionSummary } from '../../src/question/contract.ts';
import { PageLink } from '../page-link.tsx';
import type { ShowView } from '../view/use-view.ts';
import { otherQuestion } from '../view/view.ts';
import type { View } from '../view/view.ts';

interface Props {
  readonly questions: readonly QuestionSummary[] | undefined;
  readonly view: View;
  readonly show: ShowView;
  /** Findings that are open, by question. */
  readonly open: ReadonlyMap<string, number>;
}

/** What can be asked. */
export function QuestionCards({ questions, view, show, open }: Props): JSX.Element {
  return (
    <section className="card" aria-labelledby="asked" aria-busy={questions === undefined}>
      <h2 id="asked">Questions</h2>
      <ul className="cards">
        {questions?.map(({ id, title, asks }) => {
          const findings = open.get(id) ?? 0;
          return (
            <li key={id}>
              <PageLink there={otherQuestion(view, id)} show={show}>
                <b>{title}</b>
                {findings > 0 && <em>{findings === 1 ? '1 finding' : `${findings} findings`}</em>}
                <span>{asks}</span>
              </PageLink>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
