/** What the reader of `sonde top` has chosen, and what each key does to it. Pure. */

import { shown, sortKeys, type SortKey, type TopRow, type TopWindow } from './rows.ts';

export interface View {
  readonly sort: SortKey;
  readonly filter: string;
  /** The filter is being typed. */
  readonly isTyping: boolean;
  /** Only this one's rows. */
  readonly process: string | undefined;
  /** Key of the row that is marked: it stays so when rows move. */
  readonly marked: string | undefined;
  /** What is looked at while it is paused. */
  readonly held: TopWindow | undefined;
}

export const firstView: View = {
  sort: 'rate',
  filter: '',
  isTyping: false,
  process: undefined,
  marked: undefined,
  held: undefined,
};

/** A key as the terminal says it. */
export interface Key {
  readonly text: string;
  readonly name?: 'up' | 'down' | 'enter' | 'escape' | 'backspace' | 'pageUp' | 'pageDown';
}

const letters: Readonly<Record<string, SortKey>> = {
  n: 'rate',
  f: 'failures',
  l: 'latency',
  r: 'retransmits',
  b: 'bytes',
  o: 'open',
};

export const keyHelp =
  '↑↓ mark  enter its process  esc back  / filter  space pause  s sort: n f l r b o  q quit';

export function rowsOf(view: View, window: TopWindow | undefined): readonly TopRow[] {
  return shown((view.held ?? window)?.rows ?? [], view);
}

/** Where the mark is among these rows; 0 where its row is not there. */
export function markAt(view: View, rows: readonly TopRow[]): number {
  return Math.max(
    0,
    rows.findIndex(({ key }) => key === view.marked),
  );
}

function typed(view: View, { text, name }: Key): View {
  if (name === 'enter') return { ...view, isTyping: false };
  if (name === 'escape') return { ...view, isTyping: false, filter: '' };
  if (name === 'backspace') return { ...view, filter: Array.from(view.filter).slice(0, -1).join('') };
  return name === undefined ? { ...view, filter: view.filter + text } : view;
}

function back(view: View): View {
  if (view.process !== undefined) return { ...view, process: undefined };
  return { ...view, filter: '' };
}

/** Rows that a key moves the mark by; `page` is how many there is room for. */
function stepOf({ text, name }: Key, page: number): number {
  if (name === 'up' || text === 'k') return -1;
  if (name === 'down' || text === 'j') return 1;
  if (name === 'pageUp') return -page;
  return name === 'pageDown' ? page : 0;
}

function command(view: View, { text, name }: Key, window: TopWindow | undefined): View {
  if (name === 'escape') return back(view);
  if (text === '/') return { ...view, isTyping: true };
  if (text === ' ') return { ...view, held: view.held ? undefined : window };
  const next = sortKeys[(sortKeys.indexOf(view.sort) + 1) % sortKeys.length] ?? view.sort;
  return { ...view, sort: text === 's' ? next : (letters[text] ?? view.sort) };
}

/** What a key makes of it; `window` is the newest. */
export function pressed(view: View, key: Key, window: TopWindow | undefined, page = 10): View {
  if (view.isTyping) return typed(view, key);
  const rows = rowsOf(view, window);
  const [at, step] = [markAt(view, rows), stepOf(key, page)];
  const marked = rows[Math.min(Math.max(0, at + step), rows.length - 1)];
  if (step !== 0) return { ...view, marked: marked?.key };
  if (key.name === 'enter') return { ...view, process: view.process ?? marked?.process };
  return command(view, key, window);
}
