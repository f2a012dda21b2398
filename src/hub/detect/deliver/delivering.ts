/**
 * Tells findings. Owns nothing: what was claimed, sent or failed is in the store, so that several hubs tell a
 * finding once. A claim is written, and read again a moment later: of those who claimed at once the first
 * sends. That is as sure as a store without compare-and-swap makes it: a hub that stops between its message
 * and the note of it makes another one send it again, under the same idempotency key.
 */

import { readNamedFile } from '../../../lib/config-file.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { readAttempts, readRecent, type DetectStore } from '../store.ts';
import type { TargetConfig } from './config.ts';
import { hasWon, plan, type Attempt, type Delivery, type DeliveryResult } from './plan.ts';
import { send } from './send.ts';
import { loadTarget, type WriteMessage } from './target.ts';

export const deliveryLimits = {
  /** From a claim until it is read again. */
  settleMs: 1500,
  perRunMax: 50,
} as const;

const dayMs = 86_400_000;
/** Findings that were told of since then. One that is open for longer than attempts are read is told again. */
const findingsMs = 2 * dayMs;
const attemptsMs = 30 * dayMs;

export interface DeliveringOptions {
  readonly targets: readonly TargetConfig[];
  readonly perDay: number;
  readonly store: DetectStore;
  /** This one's name; no other's. */
  readonly hub: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Target {
  readonly config: TargetConfig;
  readonly url: string;
  readonly token: string | undefined;
  readonly write: WriteMessage;
}

async function openTarget(config: TargetConfig): Promise<Target> {
  const { kind, url = '', url_file: urlFile, token_file: tokenFile } = config;
  return {
    config,
    url: urlFile === undefined ? url : readNamedFile(urlFile).trim(),
    token: tokenFile === undefined ? undefined : readNamedFile(tokenFile).trim(),
    write: await loadTarget(kind),
  };
}

interface Ended {
  readonly result: DeliveryResult;
  readonly reason?: string;
}

export type Deliver = (signal: AbortSignal) => Promise<void>;

/** Throws config.unreadable. */
export async function openDelivering(options: DeliveringOptions): Promise<Deliver> {
  const { store, hub, perDay, clock, log } = options;
  const targets = await Promise.all(options.targets.map(openTarget));

  const note = (of: readonly Delivery[], ended: (delivery: Delivery) => Ended): Promise<void> =>
    store.note(
      'deliveries',
      of.map((delivery) => {
        const { finding, event, target, failed } = delivery;
        const { result, reason = '' } = ended(delivery);
        const time = new Date(clock.wallMs()).toISOString();
        const about = { question: finding.question, id: finding.id, event, target };
        return { ...about, time, hub, result, attempts: failed + 1, reason };
      }),
    );
  const attempts = (): Promise<readonly Attempt[]> => readAttempts(store, clock.wallMs() - attemptsMs);

  async function tell(target: Target, delivery: Delivery, signal: AbortSignal): Promise<boolean> {
    const { finding, event } = delivery;
    const message = target.write(finding, event, clock.wallMs());
    const { url, token } = target;
    const sent = await send(message, { url, token, key: `${finding.id}-${event}`, signal });
    await note([delivery], () => sent);
    if (sent.result !== 'sent') {
      log.warn(`${target.config.name} was not told of ${finding.title}: ${sent.result}, ${sent.reason}`);
    }
    return sent.result !== 'failed';
  }

  /** One after the other; whoever does not answer is left alone until the next run. */
  async function tellAll(target: Target, won: readonly Delivery[], signal: AbortSignal): Promise<void> {
    for (const delivery of won) {
      if (signal.aborted || !(await tell(target, delivery, signal))) return;
    }
  }

  return async (signal) => {
    if (targets.length === 0) return;
    const nowMs = clock.wallMs();
    const findings = await readRecent(store, nowMs - findingsMs);
    const of = { findings, targets: targets.map(({ config }) => config), perDay, nowMs };
    const { deliver, end } = plan({ ...of, attempts: await attempts() });
    const ends = new Map(end.map((each) => [each as Delivery, each.result]));
    await note(end, (delivery) => ({ result: ends.get(delivery) ?? 'gave_up' }));
    const claims = deliver.slice(0, deliveryLimits.perRunMax);
    if (claims.length === 0) return;
    await note(claims, () => ({ result: 'claimed' }));
    await clock.sleep(deliveryLimits.settleMs, signal);
    const settled = await attempts();
    const won = claims.filter((claim) => hasWon(settled, claim, { hub, nowMs: clock.wallMs() }));
    await Promise.all(
      targets.map((target) =>
        tellAll(
          target,
          won.filter((delivery) => delivery.target === target.config.name),
          signal,
        ),
      ),
    );
  };
}
