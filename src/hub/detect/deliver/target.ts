/** What a kind of target is: one file in targets/, which writes a message. Sending is written once around it. */

import type { Finding } from '../../../question/finding.ts';
import type { TargetKind } from './config.ts';

/** What happened to the finding. */
export const deliveryEvents = ['opened', 'closed'] as const;
export type DeliveryEvent = (typeof deliveryEvents)[number];

export interface Message {
  /** Follows the target's URL; empty for the URL itself. */
  readonly path: string;
  readonly body: unknown;
}

export type WriteMessage = (finding: Finding, event: DeliveryEvent, nowMs: number) => Message;

export async function loadTarget(kind: TargetKind): Promise<WriteMessage> {
  const url = new URL(`targets/${kind}.ts`, import.meta.url);
  return ((await import(url.href)) as { write: WriteMessage }).write;
}
