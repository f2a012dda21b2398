/**
 * What is to be told to whom, from what the store says of findings and of earlier attempts. Pure: several
 * hubs that see the same plan the same, and then claim it (`delivering.ts`).
 */

import type { Finding } from '../../../question/finding.ts';
import type { TargetConfig } from './config.ts';
import type { DeliveryEvent } from './target.ts';

/** `claimed`: a hub is about to send it. All but `claimed` and `failed` are the end of it. */
export const deliveryResults = ['claimed', 'failed', 'sent', 'refused', 'gave_up', 'over_budget'] as const;
export type DeliveryResult = (typeof deliveryResults)[number];

/** A row of `deliveries`. */
export interface Attempt {
  readonly question: string;
  readonly id: string;
  readonly event: DeliveryEvent;
  readonly target: string;
  readonly atMs: number;
  readonly hub: string;
  readonly result: DeliveryResult;
}

export const planLimits = {
  /** A hub that claimed and says nothing for so long is taken for dead. */
  claimMs: 60_000,
  backOffMsMin: 30_000,
  backOffMsMax: 3_600_000,
  /** Then nobody tries any more. */
  tryMsMax: 86_400_000,
  /** A finding that was over for so long when it was found is history. */
  oldMs: 3_600_000,
} as const;

export interface Delivery {
  readonly finding: Finding;
  readonly event: DeliveryEvent;
  readonly target: string;
  /** Attempts before that failed. */
  readonly failed: number;
}

export interface Planning {
  /** In the order of their start. */
  readonly findings: readonly Finding[];
  readonly attempts: readonly Attempt[];
  readonly targets: readonly Pick<TargetConfig, 'name' | 'severity' | 'closed'>[];
  readonly perDay: number;
  readonly nowMs: number;
}

export interface Plan {
  readonly deliver: readonly Delivery[];
  /** Ends without a delivery: over the budget, or tried for too long. */
  readonly end: readonly (Delivery & { readonly result: 'over_budget' | 'gave_up' })[];
}

const dayMs = 86_400_000;

export function isAbout(attempt: Attempt, { finding, event, target }: Delivery): boolean {
  return attempt.id === finding.id && attempt.event === event && attempt.target === target;
}

function isDue(attempts: readonly Attempt[], nowMs: number): boolean {
  const { claimMs, backOffMsMin, backOffMsMax } = planLimits;
  if (attempts.some(({ result }) => result !== 'claimed' && result !== 'failed')) return false;
  const failures = attempts.filter(({ result }) => result === 'failed').map(({ atMs }) => atMs);
  const lastFailureMs = Math.max(-Infinity, ...failures);
  const backOffMs = Math.min(backOffMsMin * 2 ** (failures.length - 1), backOffMsMax);
  if (nowMs < lastFailureMs + backOffMs) return false;
  return !attempts.some(
    ({ result, atMs }) => result === 'claimed' && atMs > lastFailureMs && atMs > nowMs - claimMs,
  );
}

/** Those of whom anybody was told today. */
function toldToday(attempts: readonly Attempt[], nowMs: number): Set<string> {
  const today = attempts.filter(
    ({ event, result, atMs }) =>
      event === 'opened' &&
      result !== 'over_budget' &&
      Math.floor(atMs / dayMs) === Math.floor(nowMs / dayMs),
  );
  return new Set(today.map(({ id }) => id));
}

export function plan({ findings, attempts, targets, perDay, nowMs }: Planning): Plan {
  const deliver: Delivery[] = [];
  const end: Plan['end'][number][] = [];
  const told = toldToday(attempts, nowMs);
  const attemptsOf = (delivery: Delivery) => attempts.filter((attempt) => isAbout(attempt, delivery));

  function consider(delivery: Delivery): void {
    const { finding, event } = delivery;
    const before = attemptsOf(delivery);
    if (!isDue(before, nowMs)) return;
    const failed = before.filter(({ result }) => result === 'failed').length;
    const firstMs = Math.min(nowMs, ...before.map(({ atMs }) => atMs));
    if (nowMs - firstMs > planLimits.tryMsMax) end.push({ ...delivery, failed, result: 'gave_up' });
    else if (event === 'closed' || told.has(finding.id) || told.size < perDay) {
      told.add(finding.id);
      deliver.push({ ...delivery, failed });
    } else end.push({ ...delivery, failed, result: 'over_budget' });
  }

  for (const finding of findings) {
    if (finding.muted !== '') continue;
    for (const { name: target, severity, closed } of targets) {
      if (severity === 'critical' && finding.severity !== 'critical') continue;
      const opened: Delivery = { finding, event: 'opened', target, failed: 0 };
      const before = attemptsOf(opened);
      const isOld = Date.parse(finding.lastAt) < nowMs - planLimits.oldMs;
      if (before.length > 0 || !isOld) consider(opened);
      const wasTold = before.some(({ result }) => result === 'sent');
      if (closed && finding.state === 'closed' && wasTold) consider({ ...opened, event: 'closed' });
    }
  }
  return { deliver, end };
}

/** Of those who claimed it at once, the first; of two at the same moment, the one whose name comes first. */
export function hasWon(
  attempts: readonly Attempt[],
  delivery: Delivery,
  { hub, nowMs }: { readonly hub: string; readonly nowMs: number },
): boolean {
  const own = attempts.filter((attempt) => isAbout(attempt, delivery));
  if (own.some(({ result }) => result === 'sent' || result === 'refused')) return false;
  const lastFailureMs = Math.max(
    -Infinity,
    ...own.filter(({ result }) => result === 'failed').map(({ atMs }) => atMs),
  );
  const [first] = own
    .filter(
      ({ result, atMs }) => result === 'claimed' && atMs > lastFailureMs && atMs > nowMs - planLimits.claimMs,
    )
    .toSorted((a, b) => a.atMs - b.atMs || (a.hub < b.hub ? -1 : 1));
  return first?.hub === hub;
}
