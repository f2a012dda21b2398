import type { JSX } from 'react';
import type { Finding, Severity } from '../../src/question/finding.ts';
import type { QuestionSummary } from '../../src/question/contract.ts';
import type { Failure } from '../ask/asking.ts';
import { browserClock } from '../clock.ts';
import { ProblemNote } from '../problem-note.tsx';
import { formatTime } from '../show/format.ts';
import { Text } from '../show/text.tsx';
import type { ShowView } from '../view/use-view.ts';
import { evidenceView } from '../view/view.ts';
import { PageLink } from '../page-link.tsx';

interface Props {
  readonly findings: readonly Finding[] | undefined;
  readonly questions: readonly QuestionSummary[] | undefined;
  readonly show: ShowView;
  /** Why they are not known, or not those of now. */
  readonly failure: Failure | undefined;
  readonly onRetry: () => void;
}

const shownMax = 8;

const marks: Readonly<Record<Severity, string>> = { critical: '▲', warning: '◐' };

function FindingLine({
  finding,
  asks,
  show,
}: {
  finding: Finding;
  asks: string;
  show: ShowView;
}): JSX.Element {
  const { severity, title, startedAt } = finding;
  const startedMs = Date.parse(startedAt);
  return (
    <li>
      <PageLink there={evidenceView(finding)} show={show}>
        <b className={`severity ${severity}`}>
          <span aria-hidden="true">{marks[severity]} </span>
          <span className="unseen">{severity}: </span>
          <Text text={title} />
        </b>
        <span>
          {asks} · since <time dateTime={startedAt}>{formatTime(startedMs, browserClock.wallMs())}</time>
        </span>
      </PageLink>
    </li>
  );
}

/** What detectors found and still see, newest first; each leads to the rows that show it. */
export function OpenFindings({ findings, questions, show, failure, onRetry }: Props): JSX.Element {
  const shown = findings?.slice(0, shownMax) ?? [];
  const rest = (findings?.length ?? 0) - shown.length;
  return (
    <section
      className={failure === undefined ? 'card' : 'card stale'}
      aria-labelledby="findings"
      aria-busy={findings === undefined}
    >
      <h2 id="findings">Open findings, of all nodes</h2>
      {(findings === undefined || failure?.problem.isPassing === false) && (
        <ProblemNote failure={failure} onRetry={onRetry} />
      )}
      {findings?.length === 0 && (
        <p>None. What a detector does not know yet it learns first: its question says until when.</p>
      )}
      <ul>
        {shown.map((finding) => (
          <FindingLine
            key={finding.id}
            finding={finding}
            asks={questions?.find(({ id }) => id === finding.question)?.title ?? finding.question}
            show={show}
          />
        ))}
      </ul>
      {rest > 0 && <p>and {rest} more: sonde findings --state open --since 400d</p>}
    </section>
  );
}
