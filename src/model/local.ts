/**
 * What is said over an agent's local socket: one JSON object per line, both ways. The client asks once; the
 * agent answers until one of them closes.
 */

import type { ConnectionFilter } from './filter.ts';
import type { ConnectionRecord, WindowRecord } from './record.ts';

export type LocalRequest =
  { readonly ask: 'status' } | { readonly ask: 'trace'; readonly filter: ConnectionFilter };

export type LocalReply =
  | { readonly type: 'status'; readonly status: unknown }
  | { readonly type: 'watching' }
  | { readonly type: 'connection'; readonly record: ConnectionRecord }
  | { readonly type: 'window'; readonly record: WindowRecord }
  /** Connections that this watcher was not told of, since the last time, by reason. */
  | { readonly type: 'missed'; readonly missed: Readonly<Record<string, number>> }
  | { readonly type: 'error'; readonly message: string };
