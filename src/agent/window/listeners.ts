/**
 * Listeners that are to be told at a window's end: new, gone, changed, or not told for an hour.
 *
 * Owns what was told last of each, as long as it listens. Counts in records are what was added since; they
 * add up over all agents of a generation, for those that are not zero are remembered with every window.
 */

import type { Listener, ListenerCounts } from '../../model/observation.ts';
import type { ListenerChange, ListenerRecord, NodeLabels } from '../../model/record.ts';
import type { FieldPolicy } from './policy/policy.ts';
import { commandLineLabel, type Labelled, type WindowBounds } from './records.ts';
import type { WallTimes } from './time.ts';

const toldAgainMs = 3_600_000;
/** An application this late is in trouble, and whoever waits soon gives up: told with every window. */
const waitingTellMs = 1000;

/** From one window to the next. JSON. */
export interface ListenerMemory {
  /** Of those with any, by socket cookie: what was told. Those that are gone may listen again. */
  counts: Record<string, ListenerCounts>;
  /** Told as gone in the newest window; the kernel may not have forgotten them yet. */
  gone: readonly string[];
}

export function newListenerMemory(): ListenerMemory {
  return { counts: {}, gone: [] };
}

interface Told {
  readonly owner: string;
  readonly backlogMax: number;
  readonly atMs: number;
}

const noCounts: ListenerCounts = { drops: 0, synackRetransmits: 0, resetsSent: 0 };

function added(before: ListenerCounts, now: ListenerCounts): ListenerCounts {
  return {
    drops: now.drops - before.drops,
    synackRetransmits: now.synackRetransmits - before.synackRetransmits,
    resetsSent: now.resetsSent - before.resetsSent,
  };
}

function isAny(counts: ListenerCounts): boolean {
  return Object.values<number>({ ...counts }).some((count) => count !== 0);
}

function ownerOf({ owner, pid }: Listener): string {
  return `${String(owner)}:${String(pid)}`;
}

/** It began to listen while the window was being closed already. */
function isOfNext({ first, gone }: Listener, { number, last }: WindowBounds): boolean {
  return first > number && !gone && !last;
}

function changesOf(
  listener: Listener,
  told: Told | undefined,
  { number, atMs, again }: { readonly number: number; readonly atMs: number; readonly again: boolean },
): ListenerChange[] {
  const late = (listener.waitingMs ?? 0) >= waitingTellMs;
  const end: ListenerChange[] = listener.gone ? ['gone'] : late ? ['waiting'] : [];
  if (!told) return [again || listener.first >= number ? 'appeared' : 'present', ...end];
  const changes: ListenerChange[] = [];
  if (Math.abs(atMs - told.atMs) >= toldAgainMs) changes.push('present'); // the wall clock may have been set
  if (ownerOf(listener) !== told.owner) changes.push('owner');
  if (listener.backlogMax !== told.backlogMax) changes.push('limit');
  return [...changes, ...end];
}

interface Telling {
  readonly node: NodeLabels;
  readonly policy: FieldPolicy;
}

function listenerRecord(
  { of: listener, process, netnsInode, commandLine }: Labelled<Listener>,
  { node, policy }: Telling,
  told: {
    readonly bounds: WindowBounds;
    readonly times: Pick<WallTimes, 'ofBoot'>;
    readonly changes: readonly ListenerChange[];
    readonly counts: ListenerCounts;
  },
): ListenerRecord {
  const { bounds, times, changes, counts } = told;
  const about = {
    'process.pid': listener.pid,
    ...(listener.pid > 0 ? { 'process.start': times.ofBoot(listener.pidStartedNs) } : {}),
    ...commandLineLabel(commandLine),
    attribution: listener.attribution,
    'destination.ip': listener.address,
    'destination.port': listener.port,
    'network.transport': 'tcp' as const,
    'network.type': listener.family,
    'network.namespace': netnsInode,
  };
  return {
    'event.name': 'sonde.listener',
    time: bounds.end,
    'window.number': bounds.number,
    'listener.id': `${node['boot.id']}-${listener.cookie}`,
    'listener.changes': changes,
    ...node,
    ...policy.owner(process).labels,
    ...policy.apply(about),
    'listener.backlog': listener.backlog,
    'listener.backlog_max': listener.backlogMax,
    ...(listener.waitingMs === null ? {} : { 'listener.waiting_ms': listener.waitingMs }),
    'listener.drops': counts.drops,
    'listener.synack_retransmits': counts.synackRetransmits,
    'listener.resets_sent': counts.resetsSent,
  };
}

/** As it was at a window's end. */
export interface Inventory {
  readonly listeners: readonly Labelled<Listener>[];
  readonly times: Pick<WallTimes, 'ofBoot'>;
}

/** `memory` is the teller's, and up to date between two windows. */
export function listenerTeller(
  telling: Telling,
  memory: ListenerMemory,
): (inventory: Inventory, bounds: WindowBounds) => ListenerRecord[] {
  let told = new Map<string, Told>();
  return ({ listeners, times }, bounds) => {
    const atMs = Date.parse(bounds.end);
    const [before, records] = [memory, [] as ListenerRecord[]];
    const now: ListenerMemory & { gone: string[] } = { counts: {}, gone: [] };
    const tellings = new Map<string, Told>();
    for (const labelled of listeners) {
      const { of: listener } = labelled;
      const { cookie } = listener;
      const wasGone = before.gone.includes(cookie);
      if (isOfNext(listener, bounds)) continue;
      if (listener.gone) now.gone.push(cookie);
      if (isAny(listener.counts)) now.counts[cookie] = listener.counts;
      if (wasGone && listener.gone) continue;
      const counts = added(before.counts[cookie] ?? noCounts, listener.counts);
      const last = told.get(cookie);
      const changes = changesOf(listener, last, { number: bounds.number, atMs, again: wasGone });
      if (isAny(counts)) changes.push('counts');
      if (changes.length > 0)
        records.push(listenerRecord(labelled, telling, { bounds, times, changes, counts }));
      if (listener.gone) continue;
      const current = { owner: ownerOf(listener), backlogMax: listener.backlogMax, atMs };
      tellings.set(cookie, changes.length > 0 || !last ? current : last);
    }
    told = tellings;
    Object.assign(memory, now);
    return records;
  };
}
