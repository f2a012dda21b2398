/**
 * What is said over an agent's local socket: one JSON object per line, both ways. The client asks once; the
 * agent answers until one of them closes.
 */

import type { ConnectionFilter } from './filter.ts';
import type { ConnectionRecord, FlowRecord, WindowRecord } from './record.ts';
import type { SignalName } from './signals.ts';
import type { Findings } from './standard.ts';

export type LocalRequest =
  | { readonly ask: 'status' }
  /** What it costs, measured for so long. */
  | { readonly ask: 'profile'; readonly forMs: number }
  | { readonly ask: 'trace'; readonly filter: ConnectionFilter }
  /** The largest flows of each window, from the next on. */
  | { readonly ask: 'flows' }
  /** What falls short of the labelling standard. */
  | { readonly ask: 'labels' }
  /** Which are on; first those that are named are switched, until the agent ends. */
  | { readonly ask: 'signals'; readonly set: Readonly<Partial<Record<SignalName, 'on' | 'off'>>> };

/** Of an agent's last windows; times are null before the first has closed. */
export interface RecentLabels extends Findings {
  readonly windows: number;
  readonly from: string | null;
  readonly to: string | null;
}

export type LocalReply =
  | { readonly type: 'status'; readonly status: unknown }
  | { readonly type: 'profile'; readonly profile: unknown }
  /** `refused`: what the kernel has against those that were to be on and are not. */
  | {
      readonly type: 'signals';
      readonly on: readonly SignalName[];
      readonly refused: Readonly<Partial<Record<SignalName, string>>>;
    }
  | { readonly type: 'labels'; readonly labels: RecentLabels }
  | { readonly type: 'watching' }
  | { readonly type: 'connection'; readonly record: ConnectionRecord }
  | { readonly type: 'window'; readonly record: WindowRecord }
  /** `more`: how many rows are not told. */
  | {
      readonly type: 'flows';
      readonly window: WindowRecord;
      readonly flows: readonly FlowRecord[];
      readonly more: number;
    }
  /** Connections that this watcher was not told of, since the last time, by reason. */
  | { readonly type: 'missed'; readonly missed: Readonly<Record<string, number>> }
  | { readonly type: 'error'; readonly message: string };
