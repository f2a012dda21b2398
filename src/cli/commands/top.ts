/** sonde top: processes and destinations, window by window. */

import { OperatorError } from '../../lib/errors.ts';
import { logTo } from '../../lib/log.ts';
import { jsonLine } from '../../lib/terminal.ts';
import type { LocalReply } from '../../model/local.ts';
import type { Command, CommandContext } from '../command.ts';
import { headerLine, rowLine, summaryLine } from './top/lines.ts';
import { shown, sortKeys, topWindow, type SortKey, type TopRow, type TopWindow } from './top/rows.ts';
import type { View } from './top/view.ts';
import { untilOf } from '../until.ts';
import { watch } from '../watch.ts';

/** Of a private agent: soon enough to be looked at live. */
const ownWindow = '2s';
/** Rows of a window that is not looked at live. */
const rowsMax = 20;

function sortOf(value: unknown): SortKey {
  const sort = sortKeys.find((key) => key === (value ?? 'rate'));
  if (sort) return sort;
  const problem = `--sort ${String(value)} is none of ${sortKeys.join(', ')}`;
  throw new OperatorError('usage.bad_value', { command: 'top', problem });
}

interface Watching {
  readonly signal: AbortSignal;
  readonly say: CommandContext['say'];
  readonly onWindow: (window: TopWindow) => void;
}

/** Resolves with the exit code. */
function watchFlows(instance: unknown, { signal, say, onWindow }: Watching): Promise<number> {
  const onReply = (reply: LocalReply): void => {
    if (reply.type === 'flows') onWindow(topWindow(reply.window, reply.flows, reply.more));
  };
  const of = typeof instance === 'string' ? instance : 'main';
  const watching = { instance: of, request: { ask: 'flows' }, signal, log: logTo(say), onReply } as const;
  return watch(watching, { window: ownWindow });
}

type Chosen = Pick<View, 'sort' | 'filter'>;

/** As JSON; the key is ours. */
function told({ key: _key, ended, ...row }: TopRow) {
  return { ...row, ended: Object.fromEntries(ended) };
}

/** Until the reader has had enough; what the agent says meanwhile is said afterwards. */
async function live({ values, say, signal }: CommandContext, first: Chosen): Promise<number> {
  const { showScreen } = await import('./top/screen.ts');
  const said: string[] = [];
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const end = (): void => {
    done.abort();
  };
  let show: ((window: TopWindow) => void) | undefined;
  const watching = watchFlows(values['instance'], {
    signal: either,
    say: (line) => said.push(line),
    onWindow: (window) => show?.(window),
  }).finally(end);
  const subscribe = (onWindow: (window: TopWindow) => void) => {
    show = onWindow;
    return () => (show = undefined);
  };
  await Promise.allSettled([showScreen(subscribe, { signal: either, first }).finally(end), watching]);
  for (const line of said) say(line);
  return watching;
}

export const command: Command = {
  name: 'top',
  summary: 'processes and destinations, live: by rate, failures, latency and more',
  options: {
    sort: { type: 'string', value: 'KEY', help: `${sortKeys.join(', ')}; rate by default` },
    filter: { type: 'string', value: 'TEXT', help: 'only rows with this in process, destination or port' },
    for: { type: 'string', value: 'TIME', help: 'stop after that time, such as 30s' },
    json: { type: 'boolean', help: 'each window as a JSON line' },
    instance: { type: 'string', value: 'NAME', help: 'the agent to ask; main by default' },
  },
  notes: [
    'Tells each window of the running agent as it closes; without an agent a private one (needs root), every 2 s.',
    'Into a pipe it writes the first 20 rows of each window.',
  ],
  async run(context) {
    const { values, stdout, say } = context;
    const sort = sortOf(values['sort']);
    const filter = String(values['filter'] ?? '');
    const signal = untilOf('top', values, context.signal);
    if (stdout.isTerminal && process.stdin.isTTY && values['json'] !== true)
      return live({ ...context, signal }, { sort, filter });
    return watchFlows(values['instance'], {
      signal,
      say,
      onWindow(window) {
        const rows = shown(window.rows, { sort, filter, process: undefined });
        if (values['json'] === true) {
          stdout.write(`${jsonLine({ ...window, rows: rows.map(told) })}\n`);
          return;
        }
        const lines = rows.slice(0, rowsMax).map((row) => rowLine(row, stdout.columns));
        stdout.write(`${[summaryLine(window), headerLine(stdout.columns), ...lines, ''].join('\n')}\n`);
      },
    });
  },
};
