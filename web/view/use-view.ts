/** The view is the URL: nothing else holds it. */
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { pageUrl, readView } from './view.ts';
import type { View } from './view.ts';

export type ShowView = (view: View, how?: 'push' | 'replace') => void;

const changed = 'sonde:view';

function subscribe(tell: () => void): () => void {
  const names = ['popstate', 'hashchange', changed];
  for (const name of names) window.addEventListener(name, tell);
  return () => {
    for (const name of names) window.removeEventListener(name, tell);
  };
}

function href(): string {
  return window.location.href;
}

export function useView(): readonly [View, ShowView] {
  const now = useSyncExternalStore(subscribe, href);
  const view = useMemo(() => readView(new URL(now)), [now]);
  const show = useCallback<ShowView>((next, how = 'push') => {
    const url = pageUrl(next);
    const { pathname, search, hash } = window.location;
    if (url === pathname + search + hash) return;
    if (how === 'push') window.history.pushState(null, '', url);
    else window.history.replaceState(null, '', url);
    window.dispatchEvent(new Event(changed));
  }, []);
  return [view, show];
}
