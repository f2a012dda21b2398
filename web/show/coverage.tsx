import { useState } from 'react';
import type { JSX } from 'react';
import type { Coverage, Share } from '../../src/question/contract.ts';
import { formatCount, formatRatio, formatSpan, missing } from './format.ts';
import { Text } from './text.tsx';

/** Below the first something is missing; below the second the answer may mislead, so the notes are unfolded. */
const levels = { partial: 0.99, poor: 0.95 } as const;

type Level = 'whole' | 'partial' | 'poor' | 'none';

function levelOf(ratio: number | null): Level {
  if (ratio === null) return 'none';
  if (ratio < levels.poor) return 'poor';
  return ratio < levels.partial ? 'partial' : 'whole';
}

interface Figure {
  readonly word: string;
  readonly share: Share;
  readonly text: string;
  readonly title: string;
}

/** Seconds are summed over all nodes; people think of one clock. */
function timeText({ nodes, seconds }: Coverage): string {
  const clocks = Math.max(nodes.of, 1);
  return formatSpan({ partS: seconds.part / clocks, ofS: seconds.of / clocks });
}

function partOf({ part, of }: Share): string {
  return `${formatCount(part)} of ${formatCount(of)}`;
}

function figures(coverage: Coverage): readonly Figure[] {
  const { nodes, seconds, connections, attribution } = coverage;
  const owners = attribution.ratio === null ? missing : formatRatio(attribution.ratio);
  return [
    {
      word: 'nodes',
      share: nodes,
      text: partOf(nodes),
      title: 'Nodes heard in this range, of those expected',
    },
    {
      word: 'time',
      share: seconds,
      text: timeText(coverage),
      title: 'Time that was watched, of the range asked; over all expected nodes',
    },
    {
      word: 'connections',
      share: connections,
      text: partOf(connections),
      title: 'Connection opens that Sonde saw, of those that the kernels counted',
    },
    {
      word: 'owner known',
      share: attribution,
      text: owners,
      title: `Connections whose process is known: ${partOf(attribution)}`,
    },
  ];
}

const marks: Readonly<Record<Level, string>> = { whole: '', partial: '◐ ', poor: '▲ ', none: '' };

/** Always there: an answer without it is not an answer. */
export function CoverageBar({ coverage }: { readonly coverage: Coverage | undefined }): JSX.Element {
  const [wish, setWish] = useState<boolean>();
  if (coverage === undefined) return <section className="coverage" aria-label="Coverage" aria-busy="true" />;
  const overall = levelOf(coverage.smallest);
  const isOpen = wish ?? (overall === 'poor' || overall === 'none');
  const { notes } = coverage;
  return (
    <section className="coverage" aria-label="Coverage">
      <dl>
        {figures(coverage).map(({ word, share, text, title }) => {
          const level = levelOf(share.ratio);
          return (
            <div key={word} className={`figure ${level}`} title={title}>
              <dt>{word}</dt>
              <dd>
                <span aria-hidden="true">{marks[level]}</span>
                {level === 'none' ? 'nothing to see' : text}
                {level !== 'none' &&
                  level !== 'whole' &&
                  share !== coverage.attribution &&
                  share.ratio !== null && <small> {formatRatio(share.ratio)}</small>}
              </dd>
            </div>
          );
        })}
      </dl>
      {notes.length > 0 && (
        <button type="button" className="fold" aria-expanded={isOpen} onClick={() => setWish(!isOpen)}>
          {isOpen ? 'Hide' : 'Show'} {notes.length === 1 ? 'note' : `${notes.length} notes`}
        </button>
      )}
      {isOpen && notes.length > 0 && (
        <ul>
          {notes.map((note) => (
            <li key={note}>
              <Text text={note} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
