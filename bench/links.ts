/**
 * What is attached to this machine's hooks now, by anybody: a run beside somebody else's programs measures
 * those too.
 */

import { execFileSync } from 'node:child_process';

type Link = {
  readonly id: number;
  readonly type: string;
  readonly tp_name?: string;
  readonly attach_type?: string;
};

/**
 * Links that cost a connection something: raw tracepoints, tracepoints (perf events) and control groups, with
 * their hook where it is known.
 */
export function attachedHooks(): string[] {
  const links = JSON.parse(execFileSync('bpftool', ['-j', 'link', 'show'], { encoding: 'utf8' })) as Link[];
  return links
    .filter(({ type }) => ['raw_tracepoint', 'perf_event', 'tracing', 'cgroup'].includes(type))
    .map(({ type, tp_name: tracepoint, attach_type: attachment }) => tracepoint ?? attachment ?? type)
    .sort();
}
