/** Other people's work on this machine: waiting for it to end, and knowing how much of it fell into a run. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ChurnCost } from './churn.ts';
import { attachedHooks } from './links.ts';
import { cpuSeconds, machineBusySeconds } from './process.ts';

/** A run beside which others used more than this share of one CPU is repeated, a few times. */
export const quietShare = 0.1;
export const attemptsMax = 5;

/** How long to wait for others to pause, and for their programs to go. */
const quietWithinS = 60;
const aloneWithinS = 120;
const lookMs = 300;

async function otherShare(): Promise<number> {
  const [busy, at] = [machineBusySeconds(), performance.now()];
  await sleep(lookMs);
  return (machineBusySeconds() - busy) / ((performance.now() - at) / 1000);
}

/**
 * Waits until nobody has programs attached, and for a pause in what others compute, if there is one. Throws
 * when somebody keeps programs attached: every connection would pay for those.
 */
export async function pause(): Promise<void> {
  for (const end = Date.now() + aloneWithinS * 1000; attachedHooks().length > 0;) {
    if (Date.now() > end) throw new Error('somebody else keeps BPF programs attached: bpftool link show');
    await sleep(lookMs);
  }
  for (const end = Date.now() + quietWithinS * 1000; (await otherShare()) > quietShare;) {
    if (Date.now() > end) return;
  }
}

/** A churn, and what others used meanwhile, as a share of one CPU. `pid` is the observer's. */
export async function besides(
  pid: number | undefined,
  measured: () => Promise<ChurnCost>,
): Promise<ChurnCost & { readonly others: number }> {
  const own = () => (pid === undefined ? 0 : cpuSeconds(pid));
  const before = machineBusySeconds() - own();
  const cost = await measured();
  return { ...cost, others: (machineBusySeconds() - own() - before - cost.cpuS) / cost.elapsedS };
}

/** The quietest of a few attempts, the first that is quiet enough. An attempt that gives nothing was void. */
export async function quietest<T extends { readonly others: number }>(
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  let best: T | undefined;
  for (let i = 0; i < attemptsMax; i++) {
    await pause();
    const run = await attempt();
    if (run && run.others < (best?.others ?? Infinity)) best = run;
    if (best && best.others <= quietShare) return best;
  }
  if (!best) throw new Error("no run without somebody else's BPF programs beside it");
  return best;
}
