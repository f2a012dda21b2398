/** What a tail has told so far: the newest records first, and how many were lost on the way. */
import type { StreamEvent } from '../../src/question/event-stream.ts';
import type { SearchColumn, TailEvents } from '../../src/question/search/contract.ts';
import type { Problem } from '../ask/api.ts';

/** Older ones make room: a search has them. */
export const tailedMax = 500;

export interface Tailed {
  readonly url: string;
  readonly columns: readonly SearchColumn[];
  readonly glance: number;
  readonly rows: readonly TailEvents['row'][];
  /** Since it began, these among them. */
  readonly told: number;
  readonly lost: number;
  /** It is open now. */
  readonly isOpen: boolean;
  readonly problem: Problem | undefined;
}

export type TailStep =
  | { readonly kind: 'start'; readonly url: string }
  | { readonly kind: 'events'; readonly events: readonly StreamEvent[] }
  | { readonly kind: 'failed'; readonly problem: Problem };

export function nothingTailed(url = ''): Tailed {
  return { url, columns: [], glance: 0, rows: [], told: 0, lost: 0, isOpen: false, problem: undefined };
}

export function afterStep(tailed: Tailed, step: TailStep): Tailed {
  if (step.kind === 'start') return step.url === tailed.url ? tailed : nothingTailed(step.url);
  if (step.kind === 'failed') return { ...tailed, isOpen: false, problem: step.problem };
  let next = tailed;
  const rows: TailEvents['row'][] = [];
  for (const { event, value } of step.events) {
    if (event === 'begin') {
      const { columns, glance } = value as TailEvents['begin'];
      next = { ...next, columns, glance, isOpen: true, problem: undefined };
    } else if (event === 'row') rows.push(value as TailEvents['row']);
    else if (event === 'lost') {
      const { rate, slow } = value as TailEvents['lost'];
      next = { ...next, lost: next.lost + rate + slow };
    }
  }
  if (rows.length === 0) return next;
  const all = [...rows.reverse(), ...next.rows].slice(0, tailedMax);
  return { ...next, rows: all, told: next.told + rows.length };
}
