import type { JSX, MouseEvent, ReactNode } from 'react';
import type { ShowView } from './view/use-view.ts';
import { pageUrl } from './view/view.ts';
import type { View } from './view/view.ts';

interface Props {
  readonly there: View;
  readonly show: ShowView;
  readonly isCurrent?: boolean;
  readonly title?: string;
  readonly children: ReactNode;
}

function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

/** A real link, so that it opens in other tabs; a plain click stays on the page. */
export function PageLink({ there, show, isCurrent = false, title, children }: Props): JSX.Element {
  return (
    <a
      href={pageUrl(there)}
      aria-current={isCurrent ? 'page' : undefined}
      title={title}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        if (!isCurrent) show(there);
      }}
    >
      {children}
    </a>
  );
}
