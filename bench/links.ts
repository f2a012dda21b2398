/** What is attached to this machine's hooks now, by anybody: a run beside somebody else's programs measures those too. */

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

type Link = { readonly id: number; readonly type: string; readonly tp_name?: string };

/** Links that cost a connection something: raw tracepoints and tracepoints (perf events), with their hook where it is known. */
export function attachedHooks(): string[] {
  const links = JSON.parse(execFileSync('bpftool', ['-j', 'link', 'show'], { encoding: 'utf8' })) as Link[];
  return links
    .filter(({ type }) => ['raw_tracepoint', 'perf_event', 'tracing'].includes(type))
    .map(({ type, tp_name: hook = type }) => hook)
    .sort();
}

/** Waits until nothing is attached any more; false when somebody keeps something attached for longer. */
export async function nothingAttached(withinS: number): Promise<boolean> {
  for (const end = Date.now() + withinS * 1000; attachedHooks().length > 0;) {
    if (Date.now() > end) return false;
    await sleep(250);
  }
  return true;
}
