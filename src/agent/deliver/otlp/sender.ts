/** Requests of a fitting size, of records or of points; when the receiver says too much, smaller ones. */

import type { Receipt } from '../exporter.ts';
import type { Transport } from './transport.ts';

/** After a refusal for their size, requests may grow again by so much each time. */
const growth = 1.5;

export interface SenderParts<Item> {
  readonly transport: Transport;
  readonly encode: (items: readonly Item[]) => Uint8Array;
  /** Of a request, unless one item has more. */
  readonly bytesMax: number;
}

export interface Sender<Item> {
  /** Sends as many of the first as fit one request. Rejects as the transport does. */
  send(items: readonly Item[], signal: AbortSignal): Promise<Receipt & { readonly bytes: number }>;
}

export function newSender<Item>({ transport, encode, bytesMax }: SenderParts<Item>): Sender<Item> {
  /** Items of a request that the receiver is believed to take. */
  let itemsMax = Infinity;

  function fitting(items: readonly Item[], most: number): { body: Uint8Array; count: number } {
    for (let count = Math.min(items.length, most); ;) {
      const body = encode(items.slice(0, count));
      if (body.length <= bytesMax || count === 1) return { body, count };
      count = Math.max(1, Math.min(count - 1, Math.floor((count * bytesMax) / body.length)));
    }
  }

  return {
    async send(items, signal) {
      for (let most = Math.max(1, Math.floor(itemsMax)); ;) {
        const { body, count } = fitting(items, most);
        const { outcome, bytes } = await transport.send(body, signal);
        if (outcome.is === 'too_large' && count > 1) {
          most = itemsMax = Math.ceil(count / 2);
          continue;
        }
        itemsMax = Math.max(itemsMax * growth, 2);
        const { message } = outcome;
        if (outcome.is !== 'taken')
          return { settled: count, bytes, refused: { reason: outcome.is, count, message } };
        const rejected = Math.min(outcome.rejected, count);
        if (rejected === 0) return { settled: count, bytes };
        return { settled: count, bytes, refused: { reason: 'rejected', count: rejected, message } };
      }
    },
  };
}
