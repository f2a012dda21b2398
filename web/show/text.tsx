import type { JSX } from 'react';
import { pieces } from './plain.ts';

/** Text from the network. `bdi` keeps what is written from right to left from moving its neighbours. */
export function Text({ text }: { readonly text: string }): JSX.Element {
  const parts = pieces(text);
  if (parts.every(({ isEscape }) => !isEscape)) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {parts.map((part, i) =>
        part.isEscape ? (
          <span key={i} className="escape">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </bdi>
  );
}
