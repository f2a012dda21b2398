/**
 * The agent, from injected parts: drain → decode → enrich → window → deliver, at its own pace.
 *
 * Owns the tick. One window is closed at a time; a slow disk makes windows longer, never wrong: the kernel
 * goes on counting. Must never do work per event outside `drain`.
 */

import type { Clock } from '../lib/clock.ts';
import type { ConnectionEvent, FlowRow } from '../model/observation.ts';
import type { ConnectionRecord, NodeLabels, WindowRecord } from '../model/record.ts';
import type { RawRows } from './decode/flows.ts';
import type { Delivery } from './deliver/delivery.ts';
import type { OwnerTable } from './enrich/owners.ts';
import type { Kernel } from './kernel/programs.ts';
import type { Namespaces, Observation } from './kernel/namespaces.ts';
import type { ClosedWindow, WindowParts } from './window/closing.ts';
import { connectionRecord, type Labelled } from './window/records.ts';
import { bootedAtMs, wallTimes } from './window/time.ts';

export interface AgentParts {
  readonly clock: Clock;
  readonly kernel: Pick<
    Kernel,
    'ring' | 'losses' | 'ownersUsed' | 'namespacesUsed' | 'close' | 'clear' | 'set' | 'detach'
  >;
  readonly decodeEvent: (view: DataView, offset: number) => ConnectionEvent;
  readonly decodeFlows: (raw: RawRows) => FlowRow[];
  readonly owners: OwnerTable;
  readonly namespaces: Namespaces;
  readonly closeWindow: (parts: WindowParts) => ClosedWindow;
  readonly delivery: Delivery;
  readonly node: NodeLabels;
  readonly windowMs: number;
  /** Every connection is an event for the exporters too. */
  readonly allEvents: boolean;
}

export const agentLimits = {
  /**
   * How often the ring is drained. Within it a full ring holds 4 MiB / 136 B / 0.1 s = 300,000 events per
   * second.
   */
  tickMs: 100,
  /** Events of one tick; the rest waits for the next, which then comes at once. */
  eventsPerTickMax: 20_000,
} as const;

/** Somebody who watches live. Must not block; `record` is called for every connection and every window. */
export interface Watcher {
  record(record: ConnectionRecord | WindowRecord): void;
}

/** Somebody who only wants the closing record of every window: costs nothing. */
export type WindowObserver = (record: WindowRecord) => void;

export interface AgentStatus {
  readonly node: NodeLabels;
  readonly since: string;
  readonly lost: Readonly<Record<string, number>>;
  readonly owners: number;
  readonly namespaces: number;
  readonly watchers: number;
  readonly memoryBytes: number;
  readonly lastWindow: WindowRecord | null;
  /** How far behind each exporter is. */
  readonly exporters: ReturnType<Delivery['status']>;
}

export interface Agent {
  /** Runs until the signal; then closes the last window and delivers it. */
  run(signal: AbortSignal): Promise<void>;
  watch(watcher: Watcher): () => void;
  observe(observer: WindowObserver): () => void;
  status(): AgentStatus;
}

function label<T extends { owner: number; netns: number }>(of: T, parts: AgentParts): Labelled<T> {
  return { of, process: parts.owners.labels(of.owner), netnsInode: parts.namespaces.inode(of.netns) };
}

function losses({ kernel, delivery }: AgentParts): Record<string, number> {
  const kernelLosses = Object.entries(kernel.losses()).map(
    ([reason, count]) => [`kernel.${reason}`, count] as const,
  );
  return { ...Object.fromEntries(kernelLosses), ...delivery.losses() };
}

/** One tick: events out of the ring, labelled, to exporters and watchers. Returns how many there were. */
async function drainEvents(
  parts: AgentParts,
  { watchers, bootedAt }: { watchers: ReadonlySet<Watcher>; bootedAt: number },
): Promise<number> {
  const events: ConnectionEvent[] = [];
  parts.kernel.ring.drain(
    (view, offset) => events.push(parts.decodeEvent(view, offset)),
    agentLimits.eventsPerTickMax,
  );
  parts.owners.refresh();
  if (events.length === 0) return 0;
  const times = wallTimes(parts.clock, bootedAt);
  const wanted: ConnectionRecord[] = [];
  for (const event of events) {
    const record = connectionRecord(label(event, parts), parts.node, times);
    if (event.detail || parts.allEvents) wanted.push(record);
    for (const watcher of watchers) watcher.record(record);
  }
  await parts.delivery.deliver(wanted);
  return events.length;
}

/**
 * Monotonic time of the next border. Borders are at whole multiples of the window in wall time; one that is
 * nearer than a hundredth of a window is the last one, seen again by a wall clock that is being slowed down.
 */
function nextBorder({ clock, windowMs }: AgentParts): bigint {
  const untilMs = windowMs - (clock.wallMs() % windowMs);
  const ms = untilMs < windowMs / 100 ? untilMs + windowMs : untilMs;
  return clock.monotonicNs() + BigInt(Math.round(ms * 1e6));
}

async function rest(clock: Clock, signal: AbortSignal, durationMs: number): Promise<void> {
  try {
    await clock.sleep(durationMs, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** To the next tick, or to the border if that is nearer. With more to drain the agent only gives way, for signals. */
function untilTickMs(clock: Clock, border: bigint): number {
  const untilBorderMs = Math.max(0, Math.ceil(Number(border - clock.monotonicNs()) / 1e6));
  return Math.min(agentLimits.tickMs, untilBorderMs);
}

export function createAgent(parts: AgentParts): Agent {
  const { clock, kernel, owners, namespaces, delivery, node } = parts;
  const watchers = new Set<Watcher>();
  const observers = new Set<WindowObserver>();
  const since = new Date(clock.wallMs()).toISOString();
  let number = 0;
  let start = since;
  let lastWindow: WindowRecord | null = null;
  const bootedAt = bootedAtMs(clock);

  /**
   * The last window brings its coverage along: once nothing is counted any more, the kernel counts on alone.
   */
  async function endWindow(atStop?: readonly Observation[]): Promise<void> {
    const end = new Date(clock.wallMs()).toISOString();
    number++;
    const raw = await kernel.close(number);
    owners.refresh();
    const { records, closing } = parts.closeWindow({
      bounds: { number, start, end, last: atStop !== undefined },
      rows: parts.decodeFlows(raw).map((row) => label(row, parts)),
      losses: losses(parts),
      namespaces: atStop ?? (await namespaces.observe()),
    });
    await delivery.commit({ records, closing, state: null });
    await kernel.clear(raw); // only now: it is on the disk, or counted as lost
    start = end;
    lastWindow = closing;
    for (const watcher of watchers) watcher.record(closing);
    for (const observer of observers) observer(closing);
  }

  async function run(signal: AbortSignal): Promise<void> {
    let border = nextBorder(parts);
    while (!signal.aborted) {
      const drained = await drainEvents(parts, { watchers, bootedAt });
      if (clock.monotonicNs() >= border) {
        await endWindow();
        border = nextBorder(parts);
      }
      await rest(clock, signal, drained < agentLimits.eventsPerTickMax ? untilTickMs(clock, border) : 0);
    }
    const coverage = await namespaces.observe();
    kernel.detach();
    while ((await drainEvents(parts, { watchers, bootedAt })) > 0);
    await endWindow(coverage);
  }

  function watch(watcher: Watcher): () => void {
    watchers.add(watcher);
    kernel.set({ trace: true });
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && !parts.allEvents) kernel.set({ trace: false });
    };
  }

  return {
    run,
    watch,
    observe(observer) {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    status: () => ({
      node,
      since,
      lost: losses(parts),
      owners: kernel.ownersUsed(),
      namespaces: kernel.namespacesUsed(),
      watchers: watchers.size,
      memoryBytes: process.memoryUsage.rss(),
      lastWindow,
      exporters: delivery.status(),
    }),
  };
}
