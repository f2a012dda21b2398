/** The live screen of `sonde top`, in the terminal's other buffer, as long as the reader wants. */

import { Box, render, Text, useApp, useInput, useWindowSize, type Key as InkKey } from 'ink';
import { createElement as element, useEffect, useState, type ReactElement } from 'react';
import { headerLine, rowLine, summaryLine } from './lines.ts';
import type { TopRow, TopWindow } from './rows.ts';
import { firstView, keyHelp, markAt, pressed, rowsOf, type Key, type View } from './view.ts';

/** Hands every window to the screen; returns how to stop that. */
type Subscribe = (onWindow: (window: TopWindow) => void) => () => void;

function keyOf(text: string, key: InkKey): Key {
  if (key.upArrow) return { text, name: 'up' };
  if (key.downArrow) return { text, name: 'down' };
  if (key.pageUp) return { text, name: 'pageUp' };
  if (key.pageDown) return { text, name: 'pageDown' };
  if (key.return) return { text, name: 'enter' };
  if (key.escape) return { text, name: 'escape' };
  return key.backspace || key.delete ? { text, name: 'backspace' } : { text };
}

/** The rows that there is room for, with the marked one among them. */
function visible(rows: readonly TopRow[], at: number, room: number): readonly TopRow[] {
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), rows.length - room));
  return rows.slice(first, first + room);
}

function lineOf(row: TopRow, { columns, isMarked }: { columns: number; isMarked: boolean }): ReactElement {
  const color = row.failed === 0 ? {} : { color: 2 * row.failed >= row.opened ? 'red' : 'yellow' };
  return element(
    Text,
    { key: row.key, inverse: isMarked, wrap: 'truncate', ...color },
    rowLine(row, columns).padEnd(columns),
  );
}

function chosen({ sort, filter, isTyping, process, held }: View): string {
  const parts = [
    `by ${sort}`,
    ...(process === undefined ? [] : [`process ${process}`]),
    ...(isTyping || filter !== '' ? [`/${filter}${isTyping ? '▏' : ''}`] : []),
    ...(held ? ['PAUSED'] : []),
  ];
  return parts.join('  ');
}

/** Lines that are no rows: summary, what is chosen, header, help. */
const otherLines = 4;

function Screen({ subscribe, first }: { subscribe: Subscribe; first: View }): ReactElement {
  const [window, setWindow] = useState<TopWindow>();
  const [view, setView] = useState(first);
  const { exit } = useApp();
  const { columns, rows: lines } = useWindowSize();
  const room = Math.max(1, lines - otherLines - 1);
  useEffect(() => subscribe(setWindow), [subscribe]);
  useInput((text, key) => {
    if (text === 'q' && !view.isTyping) exit();
    else setView((before) => pressed(before, keyOf(text, key), window, room));
  });
  const rows = rowsOf(view, window);
  const at = markAt(view, rows);
  const seen = view.held ?? window;
  const line = (text: string, style: Record<string, unknown> = {}) =>
    element(Text, { wrap: 'truncate', ...style }, text === '' ? ' ' : text);
  return element(
    Box,
    { flexDirection: 'column', height: lines - 1 },
    line(seen ? summaryLine(seen) : 'waiting for the first window …', { bold: true }),
    line(chosen(view), { color: 'cyan' }),
    line(headerLine(columns), { dimColor: true }),
    element(
      Box,
      { flexDirection: 'column', flexGrow: 1 },
      seen && rows.length === 0
        ? line(view.filter === '' ? 'no connections in this window' : 'nothing matches the filter')
        : visible(rows, at, room).map((row) => lineOf(row, { columns, isMarked: row === rows[at] })),
    ),
    line(view.isTyping ? 'type; enter keeps the filter, escape drops it' : keyHelp, { dimColor: true }),
  );
}

/** Resolves when the reader has had enough, or the signal comes. */
export async function showScreen(
  subscribe: Subscribe,
  { signal, first }: { readonly signal: AbortSignal; readonly first: Pick<View, 'sort' | 'filter'> },
): Promise<void> {
  const app = render(element(Screen, { subscribe, first: { ...firstView, ...first } }), {
    alternateScreen: true,
    patchConsole: false,
  });
  const stop = (): void => {
    app.unmount();
  };
  signal.addEventListener('abort', stop, { once: true });
  await app.waitUntilExit();
  signal.removeEventListener('abort', stop);
}
